namespace SjdOnnx.Runtime;

/// <summary>An answer and what it cost.</summary>
public sealed record ThoughtAnswer
{
    /// <summary>The answer, without white space around it.</summary>
    public required string Text { get; init; }

    /// <summary>What the model wrote before the answer; null unless the mode is <see cref="ThoughtMode.Aloud"/>.</summary>
    public required string? Steps { get; init; }

    /// <summary>The ids of the answer's tokens, or of all that was written.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Whether the model ended the answer; if not, it was cut at the most tokens.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>What stood between question and answer.</summary>
    public required ThoughtMode Mode { get; init; }

    /// <summary>
    /// Updates of the thoughts: 0 with <see cref="ThoughtMode.Aloud"/>, and as many as thoughts with <see cref="ThoughtMode.InOrder"/>.
    /// </summary>
    public required int Iterations { get; init; }

    /// <summary>Passes of the model, for question, thoughts and answer together.</summary>
    public required int Passes { get; init; }

    /// <summary>Tokens and thoughts that these passes read.</summary>
    public required int Rows { get; init; }

    /// <summary>The time that it took, without waiting for other questions.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>
    /// The thoughts before the first update and after each; empty unless <see cref="ThoughtOptions.Trace"/> asked for them.
    /// </summary>
    public required IReadOnlyList<ThoughtIteration> Trace { get; init; }
}

/// <summary>The thoughts after an update.</summary>
/// <param name="Number">The number of the update; 0 for the first guess.</param>
/// <param name="Thoughts">In their order.</param>
public sealed record ThoughtIteration(int Number, IReadOnlyList<ThoughtState> Thoughts);

/// <summary>A thought after an update.</summary>
/// <param name="Word">What the model would say at its place: the text of the likeliest token, which may be empty.</param>
/// <param name="Token">The id of that token.</param>
/// <param name="Change">
/// How far the update moved the thought: the length of the difference over the length of the former thought. 0 if it did not change, and
/// for the first guess.
/// </param>
public sealed record ThoughtState(string Word, int Token, double Change);
