using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Terminal;

/// <summary>How far the work is.</summary>
/// <param name="Share">From 0 to 1.</param>
/// <param name="Text">The same in words. It is called only if they are shown, on any thread.</param>
internal sealed record WorkProgress(double Share, Func<string> Text)
{
    public static WorkProgress Of(LoadProgress progress)
    {
        double verified = Ratio(progress.BytesVerified, progress.BytesToVerify);
        double opened = Ratio(progress.GraphsOpened, progress.GraphsToOpen);
        return new((verified + opened) / 2, () => progress.BytesToVerify == 0
            ? Invariant($"{progress.GraphsOpened} of {progress.GraphsToOpen} graphs opened")
            : Invariant($"{progress.BytesVerified / 1e6:F0} of {progress.BytesToVerify / 1e6:F0} MB verified, ") +
                Invariant($"{progress.GraphsOpened} of {progress.GraphsToOpen} graphs opened"));
    }

    public static WorkProgress Of(GenerationProgress progress) =>
        Of(progress.Tokens, progress.TotalTokens, progress.ForwardPasses, progress.Elapsed, prefix: "");

    /// <param name="progress">Of a series.</param>
    /// <param name="images">To be drawn in all.</param>
    public static WorkProgress Of(BatchProgress progress, int images) => Of(
        progress.Tokens, images * progress.TokensPerImage, progress.ForwardPasses, progress.Elapsed,
        Invariant($"{progress.Finished}/{images} images, "));

    /// <summary>As "3.0 s" or, from a minute on, "1:02:03".</summary>
    public static string Duration(TimeSpan time) => time.TotalMinutes < 1
        ? Invariant($"{time.TotalSeconds:F1} s")
        : Invariant($"{(int)time.TotalHours}:{time:mm\\:ss}");

    private static WorkProgress Of(int tokens, int total, int passes, TimeSpan elapsed, string prefix) => new(Ratio(tokens, total), () =>
    {
        string text = prefix + Invariant($"{tokens}/{total} tokens");
        if (passes == 0 || tokens == 0)
            return text;

        TimeSpan left = elapsed * ((double)(total - tokens) / tokens);
        return text + Invariant($", {(double)tokens / passes:F1} per pass, {Duration(left)} left");
    });

    private static double Ratio(long done, long total) => total == 0 ? 1 : (double)done / total;
}
