namespace SjdOnnx.Decoding;

/// <summary>A picture's tokens, and what they cost.</summary>
/// <param name="Codes">The image codes, row by row: [<see cref="TokenLayout.ImageTokens"/>].</param>
/// <param name="Ids">The model's ids of all tokens, the structural ones included: [<see cref="TokenLayout.Length"/>].</param>
/// <param name="ForwardPasses">Forward passes, the prefill not counted.</param>
/// <param name="AcceptedHistogram">Entry k: how many of those passes accepted k drafts.</param>
/// <param name="DraftsPerPass">Drafts that those passes judged, in the mean: the window, where there was room for it.</param>
public sealed record Decoded(
    IReadOnlyList<int> Codes, IReadOnlyList<int> Ids, int ForwardPasses, IReadOnlyList<int> AcceptedHistogram, double DraftsPerPass);
