using BenchmarkDotNet.Attributes;
using SjdOnnx.Sampling;

namespace SjdOnnx.Benchmarks.Sampling;

/// <summary>The sampling chain: from two rows of logits to one row of probabilities.</summary>
public class ChainBenchmarks
{
    private ProbabilityChain _chain = null!;
    private float[] _conditional = null!;
    private float[] _unconditional = null!;
    private float[] _p = null!;

    [Params(1024, 16_384, 65_536)]
    public int Codes { get; set; }

    [Params("every code", "top-k", "top-p")]
    public string Kept { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _conditional = RandomLogits.Conditional(Codes, row: 0);
        _unconditional = RandomLogits.Unconditional(_conditional, row: 0);
        _p = new float[Codes];
        _chain = new ProbabilityChain(new SamplingOptions
        {
            Guidance = 3,
            TopK = Kept == "top-k" ? Math.Min(2000, Codes / 8) : 0,
            TopP = Kept == "top-p" ? 0.9f : 1,
        });
    }

    [Benchmark]
    public void Apply() => _chain.Apply(_conditional, _unconditional, _p);
}
