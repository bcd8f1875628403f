using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Sampling;

/// <summary>Passes over a codebook so large that several threads share the rows.</summary>
public sealed class WideRowsTests
{
    private static readonly TokenLayout Layout = new() { Rows = 2, Columns = 12, FirstCode = 4, Codes = 16_384, RowSuffix = [2] };
    private static readonly SamplingOptions Sampling = new() { Guidance = 3, TopK = 2000, TopP = 0.9f };

    public static TheoryData<string> Methods() => [.. DecodingMethods.BuiltIn.Names];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_pass_over_wide_rows_allocates_nothing(string method)
    {
        var decoder = new Decoder(Layout, DecodingMethods.BuiltIn[method].Default, Sampling, new FixedWindow(16));
        var model = new ToyModel(Layout);
        var allocated = new long[Layout.Length];
        int passes = 0;
        Action<Window> observer = _ => allocated[passes++] = GC.GetAllocatedBytesForCurrentThread();
        Allocated(1); // the first image pays for what is allocated only once

        // A garbage collection that another test causes discards the rest of this thread's allocation buffer, and that counts as allocated.
        // So the smallest of several measurements is the right one.
        Assert.Equal(0, Enumerable.Range(2, 6).Min(Allocated));

        long Allocated(int seed)
        {
            passes = 0;
            decoder.Decode(model, new Randomness((ulong)seed), observer);
            Assert.InRange(passes, 2, Layout.Length);
            return allocated[passes - 1] - allocated[0];
        }
    }

    [Fact]
    public void The_number_of_threads_does_not_change_a_row()
    {
        const int rows = 17;
        PassRandom random = new Randomness(1).At(0);
        float[] conditional = [.. Enumerable.Range(0, rows * Layout.Codes).Select(i => (float)random.Uniform(i, Purpose.Draw) * 9)];
        float[] unconditional = [.. Enumerable.Range(0, rows * Layout.Codes).Select(i => (float)random.Uniform(i, Purpose.Guess) * 9)];

        Assert.Equal(Run(threads: 1), Run(threads: 4));

        float[] Run(int threads)
        {
            var p = new float[rows * Layout.Codes];
            var pass = new Pass(new Logits(conditional, unconditional, Layout.Codes), new ProbabilityChain(Sampling), p);
            new ParallelRows(threads).Run(rows, Layout.Codes, pass, static (in Pass pass, int row) => pass.Apply(row));
            return p;
        }
    }

    private readonly ref struct Pass(Logits logits, ProbabilityChain chain, Span<float> p)
    {
        private readonly Logits _logits = logits;
        private readonly Span<float> _p = p;

        public void Apply(int row) =>
            chain.Apply(_logits.Conditional(row), _logits.Unconditional(row), _p.Slice(row * Layout.Codes, Layout.Codes));
    }
}
