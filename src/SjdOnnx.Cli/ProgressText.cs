using System.Globalization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>Progress in words: tokens, tokens per pass and time left.</summary>
internal static class ProgressText
{
    public static string Of(GenerationProgress progress)
    {
        string text = string.Create(CultureInfo.InvariantCulture, $"{progress.Tokens}/{progress.TotalTokens} tokens");
        if (progress.ForwardPasses == 0 || progress.Tokens == 0)
            return text;

        double perPass = (double)progress.Tokens / progress.ForwardPasses;
        TimeSpan left = progress.Elapsed * ((double)(progress.TotalTokens - progress.Tokens) / progress.Tokens);
        return string.Create(CultureInfo.InvariantCulture, $"{text}, {perPass:F1} per pass, {Duration(left)} left");
    }

    /// <summary>As "3.0 s" or, from a minute on, "1:02:03".</summary>
    public static string Duration(TimeSpan time) => time.TotalMinutes < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:F1} s")
        : string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm\\:ss}");
}
