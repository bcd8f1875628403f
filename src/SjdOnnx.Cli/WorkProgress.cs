using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>How far the work is.</summary>
/// <param name="Total">What <paramref name="Done"/> is at the end.</param>
/// <param name="Text">The same in words: called only where they are shown, on any thread.</param>
internal sealed record WorkProgress(int Done, int Total, Func<string> Text)
{
    public static WorkProgress Of(GenerationProgress progress) =>
        new(progress.Tokens, progress.TotalTokens, () => ProgressText.Of(progress));

    /// <param name="pictures">To be drawn in all.</param>
    public static WorkProgress Of(BatchProgress progress, int pictures) =>
        new(progress.Tokens, pictures * progress.TokensPerPicture, () => ProgressText.Of(progress, pictures));
}
