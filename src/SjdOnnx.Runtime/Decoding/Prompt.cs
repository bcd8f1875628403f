namespace SjdOnnx.Runtime.Decoding;

/// <summary>What the transformer reads before the picture.</summary>
/// <param name="Conditional">Ids with the user's words among them.</param>
/// <param name="Unconditional">Ids without; what guidance leads away from.</param>
internal sealed record Prompt(int[] Conditional, int[] Unconditional)
{
    /// <summary>What ids from the text encoder's first on stand for; null where there is no text encoder.</summary>
    public Condition? Condition { get; init; }
}

/// <summary>A prompt as a text encoder sees it.</summary>
/// <param name="Vectors">[rows × hidden], row by row.</param>
/// <param name="UnusedPlaces">
/// Places before the picture that the prompt leaves empty: the first token's position is this, not 0, so that the picture's positions are
/// the same for every prompt.
/// </param>
internal sealed record Condition(float[] Vectors, int UnusedPlaces);
