using BenchmarkDotNet.Attributes;
using SjdOnnx.Sampling;

namespace SjdOnnx.Benchmarks.Sampling;

/// <summary>The draws that methods make from a row of probabilities.</summary>
public class DrawBenchmarks
{
    private readonly PassRandom _random = new Randomness(Seed: 1).At(1);
    private float[] _p = null!;
    private float[] _q = null!;
    private float[] _scratch = null!;
    private int _wrong;
    private int _position;

    [Params(1024, 16_384, 65_536)]
    public int Codes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var chain = new ProbabilityChain(new SamplingOptions { TopK = Math.Min(2000, Codes / 8) });
        (_p, _q, _scratch) = (new float[Codes], new float[Codes], new float[Codes]);
        chain.Apply(RandomLogits.Conditional(Codes, row: 1), [], _p);
        chain.Apply(RandomLogits.Conditional(Codes, row: 2), [], _q);
        _wrong = Enumerable.Range(0, Codes).First(code => _q[code] > 0 && _p[code] == 0);
    }

    [Benchmark]
    public int Draw() => _random.Draw(_p, _position++, Purpose.Draw);

    [Benchmark]
    public int GumbelArgMax() => _random.GumbelArgMax(_p, _position++);

    /// <summary>A draft that falls. The figure includes a copy of q, which the test overwrites.</summary>
    [Benchmark]
    public int Settle()
    {
        _q.CopyTo(_scratch, 0);
        return Distribution.Settle(_p, _scratch, _wrong, _position++, _random);
    }
}
