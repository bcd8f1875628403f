using System.Globalization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>Progress in words: tokens, tokens per pass and time left.</summary>
internal static class ProgressText
{
    public static string Of(GenerationProgress progress) =>
        Of(progress.Tokens, progress.TotalTokens, progress.ForwardPasses, progress.Elapsed);

    /// <param name="pictures">To be drawn in all.</param>
    public static string Of(BatchProgress progress, int pictures) =>
        string.Create(CultureInfo.InvariantCulture, $"{progress.Finished}/{pictures} pictures, ") +
        Of(progress.Tokens, pictures * progress.TokensPerPicture, progress.ForwardPasses, progress.Elapsed);

    private static string Of(int tokens, int total, int passes, TimeSpan elapsed)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{tokens}/{total} tokens");
        if (passes == 0 || tokens == 0)
            return text;

        double perPass = (double)tokens / passes;
        TimeSpan left = elapsed * ((double)(total - tokens) / tokens);
        return string.Create(CultureInfo.InvariantCulture, $"{text}, {perPass:F1} per pass, {Duration(left)} left");
    }

    /// <summary>As "3.0 s" or, from a minute on, "1:02:03".</summary>
    public static string Duration(TimeSpan time) => time.TotalMinutes < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:F1} s")
        : string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm\\:ss}");
}
