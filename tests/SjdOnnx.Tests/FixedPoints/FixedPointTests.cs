using SjdOnnx.FixedPoints;

namespace SjdOnnx.Tests.FixedPoints;

public class FixedPointTests
{
    private const int Unknowns = 12;

    [Fact]
    public void Iterating_gives_the_solution_of_solving_one_after_another()
    {
        var system = new Sine(Unknowns);
        Solution solution = FixedPoint.Iterate(system, new StoppingRule { MaxUpdates = Unknowns + 1 });
        Assert.Equal(Sine.Sequential(Unknowns), system.Iterate);
        Assert.True(solution.HasConverged);
    }

    [Fact]
    public void After_k_updates_the_first_k_unknowns_are_exact()
    {
        double[] exact = Sine.Sequential(Unknowns);
        var system = new Sine(Unknowns);
        FixedPoint.Iterate(
            system, new StoppingRule { MaxUpdates = Unknowns, Tolerance = -1 },
            (updates, _) => Assert.Equal(exact[..updates], system.Iterate[..updates]));
    }

    [Fact]
    public void A_system_that_reads_its_own_unknown_does_not_have_the_solution()
    {
        var system = new Sine(Unknowns, shift: 0);
        FixedPoint.Iterate(system, new StoppingRule { MaxUpdates = Unknowns });
        Assert.NotEqual(Sine.Sequential(Unknowns), system.Iterate);
    }

    [Theory]
    [InlineData(0, Unknowns + 1)]
    [InlineData(1e-3, 9)]
    [InlineData(10, 1)]
    [InlineData(-1, 40)]
    public void The_tolerance_decides_how_many_updates_are_made(double tolerance, int most)
    {
        Solution solution = FixedPoint.Iterate(new Sine(Unknowns), new StoppingRule { MaxUpdates = 40, Tolerance = tolerance });
        Assert.InRange(solution.Updates, tolerance < 0 ? 40 : 1, most);
        Assert.Equal(tolerance >= 0, solution.HasConverged);
    }

    [Fact]
    public void An_iterate_that_overflows_stops_at_once_and_has_not_converged()
    {
        var system = new Overflowing();
        Solution solution = FixedPoint.Iterate(system, new StoppingRule { MaxUpdates = 40 });
        Assert.Equal((2, false, false), (solution.Updates, solution.HasConverged, solution.Last.IsFinite));
    }

    [Fact]
    public void Cancellation_reaches_the_system() =>
        Assert.Throws<OperationCanceledException>(() => FixedPoint.Iterate(
            new Sine(Unknowns), new StoppingRule { MaxUpdates = 1 }, cancellation: new CancellationToken(canceled: true)));

    [Fact]
    public void Illegal_rules_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new StoppingRule { MaxUpdates = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new StoppingRule { MaxUpdates = 1, Tolerance = double.NaN });
    }

    /// <summary>x[i] = sin(i + the sum of all unknowns before it).</summary>
    /// <param name="shift">1 for this system; 0 for one that reads its own unknown too.</param>
    private sealed class Sine(int unknowns, int shift = 1) : ICausalSystem
    {
        public double[] Iterate { get; private set; } = new double[unknowns];

        public static double[] Sequential(int unknowns)
        {
            var x = new double[unknowns];
            for (int i = 0; i < unknowns; i++)
                x[i] = F(i, x, 1);
            return x;
        }

        public Change Update(CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            double[] next = [.. Enumerable.Range(0, unknowns).Select(i => F(i, Iterate, shift))];
            int equal = next.AsSpan().CommonPrefixLength(Iterate);
            double residual = next.Zip(Iterate, static (a, b) => Math.Abs(a - b)).Max();
            Iterate = next;
            return new Change(equal, residual);
        }

        private static double F(int i, double[] x, int shift) => Math.Sin(i + x.Take(i + 1 - shift).Sum());
    }

    private sealed class Overflowing : ICausalSystem
    {
        private int _updates;

        public Change Update(CancellationToken cancellation) => new(0, 1, IsFinite: ++_updates < 2);
    }
}
