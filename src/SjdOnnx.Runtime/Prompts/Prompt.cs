namespace SjdOnnx.Runtime.Prompts;

/// <summary>What the transformer reads before the image.</summary>
/// <param name="Conditional">Token ids with the user's words.</param>
/// <param name="Unconditional">Token ids without them, from which guidance leads away.</param>
internal sealed record Prompt(int[] Conditional, int[] Unconditional)
{
    /// <summary>What the text encoder reads; empty if there is none.</summary>
    public int[] EncoderIds { get; init; } = [];

    /// <summary>The vectors that ids from the text encoder's first id on refer to; null if there is no text encoder.</summary>
    public Condition? Condition { get; init; }
}

/// <summary>A prompt after the text encoder.</summary>
/// <param name="Vectors">[rows × hidden], row by row.</param>
/// <param name="UnusedPlaces">
/// Places before the image that the prompt leaves empty. The first token has this position and not 0, so that the image's positions are the
/// same for every prompt.
/// </param>
internal sealed record Condition(float[] Vectors, int UnusedPlaces);
