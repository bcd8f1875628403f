namespace SjdOnnx.Thoughts;

/// <summary>
/// The tokens around a thought: question, <see cref="Begin"/>, thoughts, <see cref="End"/>, <see cref="AnswerPrompt"/>, answer, one of
/// <see cref="Stops"/>.
/// </summary>
public sealed record ThoughtLayout
{
    /// <summary>The token after the question. What the model computes there is the first thought.</summary>
    public required int Begin { get; init; }

    /// <summary>The token at the place of each thought before there is one.</summary>
    public required int Latent { get; init; }

    /// <summary>The token after the thoughts.</summary>
    public required int End { get; init; }

    /// <summary>The thoughts between question and answer, 1 or more.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public required int Latents
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Latents), value, "Latents must be 1 or more thoughts.");
    }

    /// <summary>The tokens between thoughts and answer.</summary>
    public required IReadOnlyList<int> AnswerPrompt { get; init; }

    /// <summary>The tokens that end an answer.</summary>
    public required IReadOnlyList<int> Stops { get; init; }
}
