namespace SjdOnnx.Flows;

/// <summary>How the strength of guidance depends on the position of a token.</summary>
public enum GuidanceSchedule
{
    /// <summary>It rises in proportion to the position, from 0 at the first token to the full strength at the last.</summary>
    Annealed,

    /// <summary>It is the same at every position.</summary>
    Constant,
}

/// <summary>Guidance away from what a flow draws without a class: s + g (s − s̃) and u + g (u − ũ).</summary>
public sealed record FlowGuidance
{
    /// <summary>The full strength g, 0 to 100. 0 means no guidance, and the network runs once for each pass instead of twice.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public float Strength
    {
        get;
        init => field = value is >= 0 and <= 100
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Strength), value, "Strength must be from 0 to 100; 0 means no guidance.");
    }

    /// <summary>How the strength depends on the position.</summary>
    public GuidanceSchedule Schedule { get; init; }

    /// <summary>The temperature of attention in the runs without a class, above 0 and at most 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public float Temperature
    {
        get;
        init => field = value is > 0 and <= 100
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Temperature), value, "Temperature must be above 0 and at most 100.");
    } = 1;

    /// <summary>The strength for the token at a position.</summary>
    /// <param name="position">The token that s and u are for, 0 to <paramref name="tokens"/> − 1.</param>
    /// <param name="tokens">Tokens of the sequence, 2 or more.</param>
    public float At(int position, int tokens) =>
        Schedule == GuidanceSchedule.Constant ? Strength : Strength * position / (tokens - 1);
}

/// <summary>A block's network with guidance: it runs with the class and without it, and the two results are combined.</summary>
/// <param name="conditional">The network that reads the class.</param>
/// <param name="unconditional">The same network without the class, with a cache of its own.</param>
/// <param name="guidance">How strongly the results are pulled apart.</param>
public sealed class GuidedBlock(IFlowBlock conditional, IFlowBlock unconditional, FlowGuidance guidance) : IFlowBlock
{
    private readonly float[] _scale = new float[conditional.Tokens * conditional.Channels];
    private readonly float[] _shift = new float[conditional.Tokens * conditional.Channels];

    /// <inheritdoc/>
    public int Tokens => conditional.Tokens;

    /// <inheritdoc/>
    public int Channels => conditional.Channels;

    /// <inheritdoc/>
    public void Run(int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation)
    {
        conditional.Run(first, rows, scale, shift, cancellation);
        unconditional.Run(first, rows, _scale, _shift, cancellation);
        for (int i = 0; i < rows.Length; i++)
        {
            float strength = guidance.At(first + (i / Channels) + 1, Tokens);
            scale[i] += strength * (scale[i] - _scale[i]);
            shift[i] += strength * (shift[i] - _shift[i]);
        }
    }
}
