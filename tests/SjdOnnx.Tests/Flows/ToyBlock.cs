using SjdOnnx.Flows;

namespace SjdOnnx.Tests.Flows;

/// <summary>
/// A causal network with a cache: a token's s and u are bounded functions of a weighted sum over the cached features of all tokens up to
/// it.
/// </summary>
/// <param name="seed">Selects the weights.</param>
/// <param name="gain">How strongly tokens depend on those before them.</param>
internal class ToyBlock(int seed = 0, float gain = 1) : IFlowBlock
{
    public const int Count = 16;

    private readonly float[] _features = new float[Count];

    public int Tokens => Count;

    public int Channels => 2;

    /// <summary>First token and number of tokens of each run.</summary>
    public List<(int First, int Rows)> Runs { get; } = [];

    public virtual void Run(int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Runs.Add((first, rows.Length / Channels));
        for (int i = 0; i < rows.Length / Channels; i++)
        {
            int position = first + i;
            _features[position] = MathF.Tanh(rows[2 * i] + (0.5f * rows[(2 * i) + 1]));
            float sum = 0;
            for (int past = 0; past <= position; past++)
                sum += _features[past] * MathF.Sin(seed + (3 * position) + past) / MathF.Sqrt(position + 1);
            for (int channel = 0; channel < Channels; channel++)
            {
                scale[(2 * i) + channel] = 0.5f * gain * MathF.Tanh(sum + channel);
                shift[(2 * i) + channel] = gain * MathF.Cos((2 * sum) + channel);
            }
        }
    }

    public static float[] Noise(int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 2 * Count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }
}
