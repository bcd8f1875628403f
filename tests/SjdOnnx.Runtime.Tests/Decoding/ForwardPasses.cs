using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Decoding;

namespace SjdOnnx.Runtime.Tests.Decoding;

/// <summary>Feeding and running in one call, for tests of a single picture.</summary>
internal static class ForwardPasses
{
    public static Logits Prefill(this PromptedTransformer prompted, CancellationToken cancellation = default)
    {
        prompted.FeedPrompt();
        prompted.Transformer.Run(cancellation);
        return prompted.Logits;
    }

    public static Logits Forward(
        this PromptedTransformer prompted, ReadOnlySpan<int> ids, int rows, CancellationToken cancellation = default) =>
        prompted.ForwardTree(ids, rows, parents: [], cancellation);

    public static Logits ForwardTree(
        this PromptedTransformer prompted, ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents,
        CancellationToken cancellation = default)
    {
        prompted.Feed(ids, rows, parents);
        prompted.Transformer.Run(cancellation);
        return prompted.Logits;
    }
}
