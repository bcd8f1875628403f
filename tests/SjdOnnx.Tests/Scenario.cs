using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests;

/// <summary>A toy model small enough that the probability of each of its images is known.</summary>
internal sealed class Scenario(TokenLayout layout, SamplingOptions sampling, Func<TokenLayout, ToyModel> createModel)
{
    private readonly Lazy<double[]> _probabilities = new(() => createModel(layout).ImageProbabilities(sampling));

    /// <summary>Two rows of three codes, all of them possible: 3⁶ = 729 images.</summary>
    public static Scenario Plain { get; } = new(
        new TokenLayout { Rows = 2, Columns = 3, FirstCode = 4, Codes = 3, RowSuffix = [90], Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout));

    /// <summary>Rows closed by two tokens, one of four codes masked, and every step of the sampling chain except top-k.</summary>
    public static Scenario Guided { get; } = new(
        new TokenLayout { Rows = 3, Columns = 2, FirstCode = 10, Codes = 4, RowSuffix = [2, 3], Suffix = [1, 0] },
        new SamplingOptions { Guidance = 2.5f, Temperature = 1.3f, TopP = 0.95f },
        layout => new ToyModel(layout) { Possible = 3, ContextEffect = 1, PositionEffect = 0.7f });

    /// <summary>Rows of one code; top-k keeps two of four codes.</summary>
    public static Scenario TopTwo { get; } = new(
        new TokenLayout { Rows = 8, Columns = 1, FirstCode = 0, Codes = 4, RowSuffix = [5], Suffix = [] },
        new SamplingOptions { Guidance = 0.5f, TopK = 2 },
        layout => new ToyModel(layout) { ContextEffect = 2 });

    /// <summary>One row of four out of five codes: enough for every mistake of a tree of candidates to show. 5⁴ = 625 images.</summary>
    public static Scenario FiveCodes { get; } = new(
        new TokenLayout { Rows = 1, Columns = 4, FirstCode = 6, Codes = 5, Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout) { ContextEffect = 2 });

    /// <summary>The same with a strong context effect: what one pass predicts for a position is worth little in the next.</summary>
    public static Scenario Volatile { get; } = new(
        new TokenLayout { Rows = 1, Columns = 4, FirstCode = 6, Codes = 5, Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout) { PositionEffect = 0, ContextEffect = 4 });

    /// <summary>A decoder of the scenario's images.</summary>
    public Decoder CreateDecoder(IDecodingMethod method, IWindowPolicy windows, Initialization? initialization = null) =>
        new(layout, method, sampling, windows, initialization);

    /// <summary>Decodes images 0 to <paramref name="draws"/> − 1 of a fixed seed and tests how often each of them came.</summary>
    /// <param name="createDecoder">Creates a decoder for each thread.</param>
    /// <param name="draws">Images to decode.</param>
    /// <param name="together">How many images share a pass. When one is complete, the next takes its place.</param>
    public GoodnessOfFit Test(Func<Decoder> createDecoder, int draws, int together = 1)
    {
        double[] probabilities = _probabilities.Value;
        var counts = new long[probabilities.Length];
        int shards = Environment.ProcessorCount; // an image does not depend on its neighbors, so the counts do not depend on the shards
        Parallel.For(0, shards, shard =>
        {
            var mine = new long[probabilities.Length];
            Decoder decoder = createDecoder();
            IEnumerable<uint> images = Enumerable.Range(0, draws).Where(image => image % shards == shard).Select(image => (uint)image);
            foreach (DecodedSequence decoded in together == 1 ? OneByOne(decoder, images) : Together(decoder, images, together))
                mine[Outcome(decoded)]++;

            lock (counts)
            {
                for (int outcome = 0; outcome < counts.Length; outcome++)
                    counts[outcome] += mine[outcome];
            }
        });
        return GoodnessOfFit.Of(counts, probabilities);
    }

    /// <summary>Decodes the first <paramref name="draws"/> images and shows the window after each pass.</summary>
    public void Decode(Decoder decoder, int draws, Action<Window> observer)
    {
        ToyModel model = createModel(layout);
        for (uint image = 0; image < draws; image++)
            decoder.Decode(model, RandomnessOf(image), observer);
    }

    private static Randomness RandomnessOf(uint image) => new(Seed: 2510, image);

    private IEnumerable<DecodedSequence> OneByOne(Decoder decoder, IEnumerable<uint> images)
    {
        ToyModel model = createModel(layout);
        foreach (uint image in images)
            yield return decoder.Decode(model, RandomnessOf(image));
    }

    private IEnumerable<DecodedSequence> Together(Decoder decoder, IEnumerable<uint> images, int max)
    {
        var free = new Stack<ToyModel>(Enumerable.Range(0, max).Select(_ => createModel(layout)));
        var pass = new SharedPass();
        var sequences = new List<Sequence>();
        using IEnumerator<uint> next = images.GetEnumerator();
        while (true)
        {
            while (free.Count > 0 && next.MoveNext())
            {
                pass.Models.Add(free.Pop());
                sequences.Add(decoder.Begin(pass.Models[^1], RandomnessOf(next.Current)));
            }

            if (sequences.Count == 0)
                yield break;

            Decoder.Advance(pass, sequences);
            for (int i = sequences.Count - 1; i >= 0; i--)
            {
                if (!sequences[i].IsComplete)
                    continue;

                yield return sequences[i].ToDecoded();
                free.Push(pass.Models[i]);
                pass.Models.RemoveAt(i);
                sequences.RemoveAt(i);
            }
        }
    }

    private int Outcome(DecodedSequence decoded)
    {
        int digits = 0;
        foreach (int code in decoded.Codes)
            digits = (digits * layout.Codes) + code;
        return digits;
    }
}
