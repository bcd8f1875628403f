using BenchmarkDotNet.Attributes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Benchmarks.Sampling;

/// <summary>
/// All that a pass costs beside the model: from the logits of two lanes to the tokens committed and the drafts of the next pass, at the
/// methods' usual window of 16.
/// </summary>
public class PassBenchmarks
{
    private Decoder _decoder = null!;
    private Contradiction _model = null!;
    private Picture[] _pictures = null!;

    [Params(1024, 16_384)]
    public int Codes { get; set; }

    [Params("sjd", "mc", "gumbel", "exact", "pac")]
    public string By { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var layout = new TokenLayout { Rows = 2000, Columns = 2000, FirstCode = 0, Codes = Codes }; // a picture for every pass there may be
        var sampling = new SamplingOptions { Guidance = 3, TopK = Codes > 2000 ? 2000 : 0 };
        _decoder = new Decoder(layout, DecodingMethods.Create(By), sampling);
        _model = new Contradiction(Codes, rows: 64);
        _pictures = [_decoder.Begin(_model, new Randomness(Seed: 1))];
        _decoder.Advance(_model, _pictures);
    }

    [Benchmark]
    public void Pass() => _decoder.Advance(_model, _pictures);

    /// <summary>
    /// Says in every pass the contrary of what it said in the one before, so that every draft falls: no pass costs more, and each commits
    /// one token.
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
            // it remembers nothing
        }
    }
}
