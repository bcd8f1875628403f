namespace SjdOnnx.Runtime;

/// <summary>How a question is answered.</summary>
public sealed record ThoughtOptions
{
    /// <summary>The most iterations.</summary>
    public const int MaxIterations = 1024;

    /// <summary>What stands between question and answer.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in the enumeration.</exception>
    public ThoughtMode Mode
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Mode), value, "There is no such mode; choose one of the enumeration.");
    }

    /// <summary>
    /// Updates of the thoughts with <see cref="ThoughtMode.Parallel"/>, from 0 to <see cref="MaxIterations"/>; null for those that the
    /// model was trained with. Any other number is another function than the trained one, and more is not better.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is out of range.</exception>
    public int? Iterations
    {
        get;
        init => field = value is null or (>= 0 and <= MaxIterations)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Iterations), value, $"Iterations must be from 0 to {MaxIterations}.");
    }

    /// <summary>
    /// Whether <see cref="ThoughtAnswer.Trace"/> has the thoughts. Other modes than <see cref="ThoughtMode.Parallel"/> have none.
    /// </summary>
    public bool Trace { get; init; }
}

/// <summary>What stands between question and answer.</summary>
public enum ThoughtMode
{
    /// <summary>Thoughts that are all updated in each pass: PCCoT (arXiv 2506.18582).</summary>
    Parallel,

    /// <summary>
    /// Thoughts that are computed one after another. This is what as many parallel updates as thoughts compute, in as many passes of one.
    /// </summary>
    InOrder,

    /// <summary>Steps that are written out as text, as the model's teacher in training did.</summary>
    Aloud,
}
