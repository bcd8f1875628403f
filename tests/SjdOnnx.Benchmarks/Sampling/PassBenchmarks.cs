using BenchmarkDotNet.Attributes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Benchmarks.Sampling;

/// <summary>
/// The cost of a pass without the model: from the logits of two lanes to the committed tokens and the drafts of the next pass, in a window
/// of 16 drafts.
/// </summary>
public class PassBenchmarks
{
    private Contradiction _model = null!;
    private Sequence[] _sequences = null!;

    [Params(1024, 16_384)]
    public int Codes { get; set; }

    [Params("sjd", "mc", "gumbel", "exact", "pac")]
    public string By { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var layout = new TokenLayout { Rows = 2000, Columns = 2000, FirstCode = 0, Codes = Codes }; // large enough for every pass of a run
        var sampling = new SamplingOptions { Guidance = 3, TopK = Codes > 2000 ? 2000 : 0 };
        var decoder = new Decoder(layout, DecodingMethods.BuiltIn[By].Default, sampling, new FixedWindow(16));
        _model = new Contradiction(Codes, rows: 64);
        _sequences = [decoder.Begin(_model, new Randomness(Seed: 1))];
        Decoder.Advance(_model, _sequences);
    }

    [Benchmark]
    public void Pass() => Decoder.Advance(_model, _sequences);

    /// <summary>
    /// A model that contradicts in every pass what it predicted in the pass before, so that every draft falls. No pass costs more, and each
    /// commits one token.
    /// </summary>
    private sealed class Contradiction : IPromptedModel, IForwardPass
    {
        private const float Emphasis = 20;

        private readonly float[][] _conditional = [[], []];
        private readonly float[][] _unconditional = [[], []];
        private int _passes;
        private int _rows;

        public Contradiction(int codes, int rows)
        {
            Codes = codes;
            for (int turn = 0; turn < 2; turn++)
            {
                for (uint row = 0; row < rows; row++)
                {
                    float[] logits = RandomLogits.Conditional(codes, row);
                    for (int code = turn; code < codes; code += 2)
                        logits[code] += Emphasis;
                    _conditional[turn] = [.. _conditional[turn], .. logits];
                    _unconditional[turn] = [.. _unconditional[turn], .. RandomLogits.Unconditional(logits, row)];
                }
            }
        }

        public int Codes { get; }

        public Logits Logits => new(
            _conditional[_passes % 2].AsSpan(0, _rows * Codes), _unconditional[_passes % 2].AsSpan(0, _rows * Codes), Codes);

        public void FeedPrompt() => _rows = 1;

        public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents) => _rows = rows;

        public void Run(CancellationToken cancellationToken) => _passes++;

        public void Truncate(int length)
        {
            // the model has no cache
        }
    }
}
