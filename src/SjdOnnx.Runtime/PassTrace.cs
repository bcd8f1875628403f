using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime;

/// <summary>Where a picture stood after a forward pass: what it takes to show how a window settles.</summary>
/// <param name="Committed">Image codes that are final, counted from the first.</param>
/// <param name="Drafts">The codes of the open slots behind them, in order; structure is left out.</param>
/// <param name="StepsLeft">
/// For each of these, denoising steps that are left before the model reads the code itself: 0 but for the method <c>sjd2</c>.
/// </param>
public sealed record PassTrace(int Committed, IReadOnlyList<int> Drafts, IReadOnlyList<int> StepsLeft)
{
    internal static PassTrace Of(Window window)
    {
        int[] positions = [.. Enumerable.Range(window.Start, window.Drafts).Where(position => !window.Layout.IsForced(position))];
        return new PassTrace(
            window.CommittedCodes, [.. positions.Select(position => window[position])], [.. positions.Select(position => window.Step(position))]);
    }
}
