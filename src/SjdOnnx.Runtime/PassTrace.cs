using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime;

/// <summary>The window after a forward pass, to show how it settles.</summary>
/// <param name="Committed">Image codes that are final, counted from the first.</param>
/// <param name="Drafts">The codes of the open slots behind them, in order, without structure.</param>
/// <param name="StepsLeft">
/// For each of these, the denoising steps that are left before the model reads the code itself: 0 for all methods except <c>sjd2</c>.
/// </param>
public sealed record PassTrace(int Committed, IReadOnlyList<int> Drafts, IReadOnlyList<int> StepsLeft)
{
    internal static PassTrace Of(Window window)
    {
        int[] positions = [.. Enumerable.Range(window.Start, window.Drafts).Where(position => !window.Layout.IsForced(position))];
        return new PassTrace(
            window.CommittedCodes,
            [.. positions.Select(position => window[position])],
            [.. positions.Select(position => window.Step(position))]);
    }
}
