namespace SjdOnnx.Decoding;

/// <summary>An image's tokens, and what they cost.</summary>
/// <param name="Codes">The image codes, row by row: [<see cref="TokenLayout.ImageTokens"/>].</param>
/// <param name="Ids">The model's ids of all tokens, structural ones included: [<see cref="TokenLayout.Length"/>].</param>
/// <param name="ForwardPasses">Forward passes, not counting the prefill.</param>
/// <param name="AcceptedHistogram">Entry k: how many of those passes accepted k drafts.</param>
/// <param name="DraftsPerPass">The mean number of drafts that those passes judged.</param>
public sealed record DecodedSequence(
    IReadOnlyList<int> Codes, IReadOnlyList<int> Ids, int ForwardPasses, IReadOnlyList<int> AcceptedHistogram, double DraftsPerPass);
