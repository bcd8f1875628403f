namespace SjdOnnx.Runtime.Decoding;

/// <summary>What the transformer reads before the picture.</summary>
/// <param name="Conditional">Ids with the user's words among them.</param>
/// <param name="Unconditional">Ids without; what guidance leads away from.</param>
internal sealed record Prompt(int[] Conditional, int[] Unconditional);
