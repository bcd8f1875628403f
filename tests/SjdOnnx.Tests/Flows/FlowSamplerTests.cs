using SjdOnnx.Flows;

namespace SjdOnnx.Tests.Flows;

public class FlowSamplerTests
{
    private const int Tokens = ToyBlock.Count;

    [Theory]
    [InlineData(1, InitialGuess.Noise)]
    [InlineData(1, InitialGuess.Zeros)]
    [InlineData(2, InitialGuess.Noise)]
    [InlineData(4, InitialGuess.Zeros)]
    [InlineData(8, InitialGuess.Noise)]
    [InlineData(Tokens, InitialGuess.Noise)]
    public void Iterating_until_nothing_changes_gives_the_same_as_one_token_after_another(int segments, InitialGuess guess)
    {
        float[] sequential = Flow(3).Sample(ToyBlock.Noise(), FlowPlan.Sequential(3)).Tokens;
        foreach (bool skips in (bool[])[true, false])
        {
            FlowPlan plan = FlowPlan.All(3, Exact with { Segments = segments, Guess = guess, SkipsSettled = skips });
            Assert.Equal(sequential, Flow(3).Sample(ToyBlock.Noise(), plan).Tokens);
        }
    }

    [Theory]
    [InlineData(InitialGuess.Noise)]
    [InlineData(InitialGuess.Zeros)]
    public void After_k_updates_the_k_tokens_after_the_first_are_those_of_the_solution(InitialGuess guess)
    {
        float[] exact = Flow(1).Sample(ToyBlock.Noise(), FlowPlan.Sequential(1)).Tokens;
        int updates = 0;
        Flow(1).Sample(ToyBlock.Noise(), FlowPlan.All(1, Exact with { Guess = guess }), (_, x) =>
        {
            updates++;
            Assert.Equal(exact[..(2 * (updates + 1))], x[..(2 * (updates + 1))].ToArray());
        });
        Assert.InRange(updates, 3, Tokens - 1);
    }

    [Fact]
    public void A_network_whose_outputs_are_one_position_off_is_found()
    {
        var flow = new FlowSampler([new LateBlock()], [false]);
        float[] sequential = flow.Sample(ToyBlock.Noise(), FlowPlan.Sequential(1)).Tokens;
        Assert.NotEqual(sequential, flow.Sample(ToyBlock.Noise(), FlowPlan.All(1, Exact with { SkipsSettled = false })).Tokens);
    }

    [Fact]
    public void Density_gives_back_the_noise()
    {
        float[] noise = ToyBlock.Noise();
        FlowSampler flow = Flow(3);
        float[] found = flow.Density(flow.Sample(noise, FlowPlan.Sequential(3)).Tokens).Noise;
        Assert.All(noise.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Density_is_that_of_the_change_of_variables()
    {
        FlowSampler flow = Flow(2);
        float[] tokens = [.. ToyBlock.Noise(3)];
        FlowDensity density = flow.Density(tokens);

        // The determinant of the map's Jacobian, by differences.
        int n = tokens.Length;
        var jacobian = new double[n, n];
        const float Step = 1e-2f;
        for (int j = 0; j < n; j++)
        {
            float[] up = [.. tokens], down = [.. tokens];
            (up[j], down[j]) = (up[j] + Step, down[j] - Step);
            (float[] high, float[] low) = (flow.Density(up).Noise, flow.Density(down).Noise);
            for (int i = 0; i < n; i++)
                jacobian[i, j] = (high[i] - low[i]) / (up[j] - down[j]);
        }

        Assert.Equal(Math.Log(Math.Abs(Determinant(jacobian))), density.LogDeterminant, 0.02);
        double normal = density.Noise.Sum(static z => (-0.5 * z * z) - (0.5 * Math.Log(2 * Math.PI)));
        Assert.Equal(normal + density.LogDeterminant, density.LogDensity, 1e-6);
    }

    [Fact]
    public void Odd_blocks_read_their_tokens_backwards()
    {
        float[] noise = ToyBlock.Noise();
        float[] backwards = [.. noise.Chunk(2).Reverse().SelectMany(static token => token)];
        float[] forward = new FlowSampler([new ToyBlock()], [false]).Sample(backwards, FlowPlan.Sequential(1)).Tokens;
        float[] reversed = new FlowSampler([new ToyBlock()], [true]).Sample(noise, FlowPlan.Sequential(1)).Tokens;
        Assert.Equal(forward.Chunk(2).Reverse().SelectMany(static token => token), reversed);
    }

    [Fact]
    public void Passes_and_tokens_are_counted_for_each_way()
    {
        FlowResult sequential = Flow(3).Sample(ToyBlock.Noise(), FlowPlan.Sequential(3));
        Assert.Equal((3 * (Tokens - 1), 3L * (Tokens - 1)), (sequential.Passes, sequential.Rows));
        Assert.Equal([2, 1, 0], sequential.Blocks.Select(static block => block.Block));

        BlockPlan three = Exact with { MaxUpdates = 3, SkipsSettled = false };
        FlowResult jacobi = Flow(3).Sample(ToyBlock.Noise(), FlowPlan.All(3, three));
        Assert.Equal((9, 9L * (Tokens - 1)), (jacobi.Passes, jacobi.Rows));

        FlowResult first = Flow(3).Sample(ToyBlock.Noise(), FlowPlan.FirstSequential(3, three));
        Assert.Equal([Tokens - 1, 3, 3], first.Blocks.Select(static block => block.Passes));

        FlowResult segments = Flow(3).Sample(ToyBlock.Noise(), FlowPlan.All(3, three with { Segments = 4 }));
        Assert.Equal((36, 3L * 3 * (Tokens - 1)), (segments.Passes, segments.Rows));
        Assert.Equal([3, 3, 3, 3], segments.Blocks[0].Updates);
    }

    [Fact]
    public void Inputs_that_stand_are_not_read_again()
    {
        FlowPlan skipping = FlowPlan.All(1, Exact);
        FlowPlan whole = FlowPlan.All(1, Exact with { SkipsSettled = false });
        (FlowResult some, FlowResult all) = (Flow(1).Sample(ToyBlock.Noise(), skipping), Flow(1).Sample(ToyBlock.Noise(), whole));
        Assert.Equal(all.Passes * (Tokens - 1L), all.Rows);
        Assert.InRange(some.Rows, 1, (all.Rows * 3 / 4) - 1);
    }

    [Fact]
    public void A_refreshed_cache_is_more_exact_than_a_stale_one_when_updates_are_few()
    {
        BlockPlan few = Exact with { Segments = 4, MaxUpdates = 2, SkipsSettled = false };
        double stale = Error(few), fresh = Error(few with { Commit = CacheCommit.Refresh });
        Assert.InRange(fresh, 1e-6, 0.9 * stale);
        Assert.Equal(0, Error(few with { MaxUpdates = 4 }));

        static double Error(BlockPlan plan) => Enumerable.Range(0, 20).Sum(seed =>
        {
            float[] noise = ToyBlock.Noise(seed);
            float[] exact = Flow(1).Sample(noise, FlowPlan.Sequential(1)).Tokens;
            return Flow(1).Sample(noise, FlowPlan.All(1, plan)).Tokens.Zip(exact, static (a, b) => (double)Math.Abs(a - b)).Sum();
        });
    }

    [Fact]
    public void Refreshing_takes_one_pass_for_each_segment_but_the_last()
    {
        BlockPlan few = Exact with { Segments = 4, MaxUpdates = 2, SkipsSettled = false };
        Assert.Equal(8, Flow(1).Sample(ToyBlock.Noise(), FlowPlan.All(1, few)).Passes);
        Assert.Equal(11, Flow(1).Sample(ToyBlock.Noise(), FlowPlan.All(1, few with { Commit = CacheCommit.Refresh })).Passes);
    }

    [Fact]
    public void The_published_measure_is_the_norm_divided_by_the_channels()
    {
        var updates = new List<float[]>();
        FlowPlan all = FlowPlan.All(1, Exact with { SkipsSettled = false });
        Flow(1).Sample(ToyBlock.Noise(), all, (_, x) => updates.Add(x.ToArray()));
        double norm = Math.Sqrt(updates[2].Zip(updates[1], static (a, b) => (double)(a - b) * (a - b)).Sum()) / 2;
        BlockPlan measured = Exact with { Measure = ChangeMeasure.Norm, SkipsSettled = false };
        Assert.Equal(3, Flow(1).Sample(ToyBlock.Noise(), FlowPlan.All(1, measured with { Tolerance = norm * 1.001 })).Passes);
        Assert.Equal(4, Flow(1).Sample(ToyBlock.Noise(), FlowPlan.All(1, measured with { Tolerance = norm * 0.999 })).Passes);
    }

    [Fact]
    public void A_limit_holds_in_iterations_and_not_one_token_after_another()
    {
        float[] noise = ToyBlock.Noise();
        Assert.All(
            Flow(1).Sample(noise, FlowPlan.All(1, Exact with { Limit = 0.25f })).Tokens,
            static number => Assert.InRange(number, -0.25f, 0.25f));
        FlowPlan sequential = FlowPlan.All(1, BlockPlan.Sequential with { Limit = 0.25f });
        Assert.Equal(Flow(1).Sample(noise, FlowPlan.Sequential(1)).Tokens, Flow(1).Sample(noise, sequential).Tokens);
    }

    [Fact]
    public void Plans_and_noise_that_do_not_fit_are_refused()
    {
        FlowSampler flow = Flow(2);
        Assert.Contains("has 3 blocks; the model has 2", Refused(FlowPlan.Sequential(3)), StringComparison.Ordinal);
        Assert.Contains("has 3 segments for block 1", Refused(FlowPlan.All(2, Exact with { Segments = 3 })), StringComparison.Ordinal);
        Assert.Contains("has 32 segments", Refused(FlowPlan.All(2, Exact with { Segments = 32 })), StringComparison.Ordinal);
        Assert.Contains("31 numbers of noise", Assert.Throws<ArgumentException>(
            () => flow.Sample(ToyBlock.Noise().AsSpan(1), FlowPlan.Sequential(2))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => flow.Density(new float[3]));
        Assert.Throws<ArgumentException>(() => new FlowSampler([new ToyBlock()], [false, true]));

        string Refused(FlowPlan plan) => Assert.Throws<ArgumentException>(() => flow.Sample(ToyBlock.Noise(), plan)).Message;
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPlan { Segments = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPlan { MaxUpdates = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPlan { Tolerance = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPlan { Limit = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowGuidance { Strength = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowGuidance { Temperature = 0 });
        Assert.Throws<ArgumentException>(() => new FlowPlan { Blocks = [] });
    }

    [Fact]
    public void Cancellation_ends_sampling()
    {
        using var source = new CancellationTokenSource();
        int passes = 0;
        Assert.Throws<OperationCanceledException>(() => Flow(1).Sample(ToyBlock.Noise(), FlowPlan.Sequential(1), (_, _) =>
        {
            if (++passes == 3)
                source.Cancel();
        }, source.Token));
        Assert.Equal(3, passes);
    }

    private static BlockPlan Exact { get; } = new() { Tolerance = 0 };

    private static FlowSampler Flow(int blocks) => new(
        [.. Enumerable.Range(0, blocks).Select(static seed => new ToyBlock(seed))],
        [.. Enumerable.Range(0, blocks).Select(static block => block % 2 == 1)]);

    private static double Determinant(double[,] matrix)
    {
        int n = matrix.GetLength(0);
        double determinant = 1;
        for (int column = 0; column < n; column++)
        {
            int pivot = Enumerable.Range(column, n - column).MaxBy(row => Math.Abs(matrix[row, column]));
            determinant *= matrix[pivot, column] * (pivot == column ? 1 : -1);
            for (int j = 0; j < n; j++)
                (matrix[pivot, j], matrix[column, j]) = (matrix[column, j], matrix[pivot, j]);
            for (int row = column + 1; row < n; row++)
            {
                double factor = matrix[row, column] / matrix[column, column];
                for (int j = column; j < n; j++)
                    matrix[row, j] -= factor * matrix[column, j];
            }
        }

        return determinant;
    }

    /// <summary>Its outputs lie one row too late, where there are several.</summary>
    private sealed class LateBlock : ToyBlock
    {
        public override void Run(
            int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation)
        {
            base.Run(first, rows, scale, shift, cancellation);
            scale[..^2].ToArray().CopyTo(scale[2..]);
            shift[..^2].ToArray().CopyTo(shift[2..]);
        }
    }
}
