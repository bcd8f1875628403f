using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests;

/// <summary>A toy model small enough that the probability of each of its pictures is known.</summary>
internal sealed class Scenario(TokenLayout layout, SamplingOptions sampling, Func<TokenLayout, ToyModel> createModel)
{
    private readonly Lazy<double[]> _law = new(() => createModel(layout).Law(sampling));

    /// <summary>Two rows of three codes, all of them possible: 3⁶ = 729 pictures.</summary>
    public static Scenario Plain { get; } = new(
        new TokenLayout { Rows = 2, Columns = 3, FirstCode = 4, Codes = 3, RowSuffix = [90], Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout));

    /// <summary>Rows closed by two tokens, one of four codes masked, and all of the sampling chain at work.</summary>
    public static Scenario Guided { get; } = new(
        new TokenLayout { Rows = 3, Columns = 2, FirstCode = 10, Codes = 4, RowSuffix = [2, 3], Suffix = [1, 0] },
        new SamplingOptions { Guidance = 2.5f, Temperature = 1.3f, TopP = 0.95f },
        layout => new ToyModel(layout) { Possible = 3, ContextEffect = 1, PositionEffect = 0.7f });

    /// <summary>One code to a row, without any structure after the last one; two of four codes survive.</summary>
    public static Scenario TopTwo { get; } = new(
        new TokenLayout { Rows = 8, Columns = 1, FirstCode = 0, Codes = 4, RowSuffix = [5], Suffix = [] },
        new SamplingOptions { Guidance = 0.5f, TopK = 2 },
        layout => new ToyModel(layout) { ContextEffect = 2 });

    /// <summary>Decodes pictures 0 to <paramref name="draws"/> − 1 of a fixed seed and tests how often each came.</summary>
    public GoodnessOfFit Test(Func<IDecodingMethod> createMethod, int draws)
    {
        double[] law = _law.Value;
        var counts = new long[law.Length];
        int shards = Environment.ProcessorCount; // a picture does not depend on its neighbours, so neither do the counts on this
        Parallel.For(0, shards, shard =>
        {
            var mine = new long[law.Length];
            ToyModel model = createModel(layout);
            var decoder = new Decoder(layout, createMethod(), sampling);
            for (int image = shard; image < draws; image += shards)
                mine[Outcome(decoder.Decode(model, new Randomness(Seed: 2510, (uint)image)))]++;

            lock (counts)
            {
                for (int outcome = 0; outcome < counts.Length; outcome++)
                    counts[outcome] += mine[outcome];
            }
        });
        return GoodnessOfFit.Of(counts, law);
    }

    private int Outcome(Decoded decoded)
    {
        int digits = 0;
        foreach (int code in decoded.Codes)
            digits = (digits * layout.Codes) + code;
        return digits;
    }
}
