using SjdOnnx.Thoughts;

namespace SjdOnnx.Tests.Thoughts;

/// <summary>
/// A small causal model: what it computes at a place is a function of everything up to there, and of the place. It keeps what it read, and
/// notes how often it was asked.
/// </summary>
internal sealed class ToyThinker : IThinkingModel
{
    public const int Vocabulary = 11;

    private readonly List<float[]> _read = [];

    public int Width => 3;

    public int Cached => _read.Count;

    /// <summary>Numbers of rows of all passes, in order.</summary>
    public List<int> Passes { get; } = [];

    /// <summary>The shortest that the cache was ever cut to, after it was first filled.</summary>
    public int Shortest { get; private set; } = int.MaxValue;

    /// <summary>The pass, counted from 1, that computes NaN; 0 for none.</summary>
    public int Breaks { get; init; }

    /// <summary>What stands in the cache from a place on, row by row.</summary>
    public float[] CacheFrom(int place) => [.. _read.Skip(place).SelectMany(static row => row)];

    public void ReadTokens(ReadOnlySpan<int> ids, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation)
    {
        float[][] rows = [.. ids.ToArray().Select(static id => (float[])[MathF.Sin(id + 1), MathF.Cos(2 * id), id % 3 - 1])];
        Read(rows, thoughts, likeliest, cancellation);
    }

    public void ReadThoughts(ReadOnlySpan<float> embeddings, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation) =>
        Read([.. embeddings.ToArray().Chunk(Width)], thoughts, likeliest, cancellation);

    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Cached);
        if (Cached > 0)
            Shortest = Math.Min(Shortest, length);
        _read.RemoveRange(length, _read.Count - length);
    }

    private void Read(float[][] rows, Span<float> thoughts, Span<int> likeliest, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Assert.NotEmpty(rows);
        Passes.Add(rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            _read.Add(rows[i]);
            float[] computed = Passes.Count == Breaks ? [float.NaN, 0, 0] : Compute();
            if (thoughts.Length > 0)
                computed.CopyTo(thoughts[(i * Width)..]);
            int wanted = i - (rows.Length - likeliest.Length);
            if (wanted >= 0)
                likeliest[wanted] = (int)(1000 * MathF.Abs(computed[0] + computed[1])) % Vocabulary;
        }
    }

    private float[] Compute()
    {
        (float first, float second, float third) = (0, 0, 0);
        for (int i = 0; i < _read.Count; i++)
        {
            float[] row = _read[i];
            first += MathF.Sin(row[0] + (0.3f * i)) * row[1];
            second += MathF.Cos(row[1] - row[2]);
            third += row[0] * row[2] / (1 + i);
        }

        return [MathF.Tanh(first), MathF.Sin(second), MathF.Tanh(third + first)];
    }
}
