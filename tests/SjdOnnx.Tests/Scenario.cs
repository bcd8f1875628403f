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

    /// <summary>A row of four tokens, five codes to choose from: what a tree of candidates can be wrong in. 5⁴ = 625 pictures.</summary>
    public static Scenario FiveCodes { get; } = new(
        new TokenLayout { Rows = 1, Columns = 4, FirstCode = 6, Codes = 5, Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout) { ContextEffect = 2 });

    /// <summary>The same, and every token is news: what the pass before said of a position is worth little.</summary>
    public static Scenario Volatile { get; } = new(
        new TokenLayout { Rows = 1, Columns = 4, FirstCode = 6, Codes = 5, Suffix = [91] },
        new SamplingOptions(),
        layout => new ToyModel(layout) { PositionEffect = 0, ContextEffect = 4 });

    /// <summary>Decodes pictures 0 to <paramref name="draws"/> − 1 of a fixed seed and tests how often each came.</summary>
    /// <param name="createMethod">One method for each thread.</param>
    /// <param name="auto">Chooses windows; null for always the method's.</param>
    /// <param name="together">How many pictures share a pass; as one is complete the next takes its place.</param>
    public GoodnessOfFit Test(Func<IDecodingMethod> createMethod, int draws, AutoWindow? auto = null, int together = 1)
    {
        double[] law = _law.Value;
        var counts = new long[law.Length];
        int shards = Environment.ProcessorCount; // a picture does not depend on its neighbours, so neither do the counts on this
        Parallel.For(0, shards, shard =>
        {
            var mine = new long[law.Length];
            var decoder = new Decoder(layout, createMethod(), sampling, auto);
            IEnumerable<uint> images = Enumerable.Range(0, draws).Where(image => image % shards == shard).Select(image => (uint)image);
            foreach (Decoded decoded in together == 1 ? OneByOne(decoder, images) : Together(decoder, images, together))
                mine[Outcome(decoded)]++;

            lock (counts)
            {
                for (int outcome = 0; outcome < counts.Length; outcome++)
                    counts[outcome] += mine[outcome];
            }
        });
        return GoodnessOfFit.Of(counts, law);
    }

    /// <summary>Decodes as many pictures, and shows them as they grow.</summary>
    public void Decode(Func<IDecodingMethod> createMethod, int draws, AutoWindow auto, Action<Window> observer)
    {
        var decoder = new Decoder(layout, createMethod(), sampling, auto);
        ToyModel model = createModel(layout);
        for (uint image = 0; image < draws; image++)
            decoder.Decode(model, RandomnessOf(image), observer);
    }

    private static Randomness RandomnessOf(uint image) => new(Seed: 2510, image);

    private IEnumerable<Decoded> OneByOne(Decoder decoder, IEnumerable<uint> images)
    {
        ToyModel model = createModel(layout);
        foreach (uint image in images)
            yield return decoder.Decode(model, RandomnessOf(image));
    }

    private IEnumerable<Decoded> Together(Decoder decoder, IEnumerable<uint> images, int most)
    {
        var free = new Stack<ToyModel>(Enumerable.Range(0, most).Select(_ => createModel(layout)));
        var pass = new SharedPass();
        var pictures = new List<Picture>();
        using IEnumerator<uint> next = images.GetEnumerator();
        while (true)
        {
            while (free.Count > 0 && next.MoveNext())
            {
                pass.Models.Add(free.Pop());
                pictures.Add(decoder.Begin(pass.Models[^1], RandomnessOf(next.Current)));
            }

            if (pictures.Count == 0)
                yield break;

            decoder.Advance(pass, pictures);
            for (int i = pictures.Count - 1; i >= 0; i--)
            {
                if (!pictures[i].IsComplete)
                    continue;

                yield return pictures[i].ToDecoded();
                free.Push(pass.Models[i]);
                pass.Models.RemoveAt(i);
                pictures.RemoveAt(i);
            }
        }
    }

    private int Outcome(Decoded decoded)
    {
        int digits = 0;
        foreach (int code in decoded.Codes)
            digits = (digits * layout.Codes) + code;
        return digits;
    }
}
