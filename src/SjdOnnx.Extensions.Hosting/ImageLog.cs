using System.Diagnostics;
using Microsoft.Extensions.Logging;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Hosting;

/// <summary>
/// Logs every image of this process with its method, tokens, passes and seconds, and every one that ended without a result.
/// </summary>
internal sealed partial class ImageLog : IDisposable
{
    private readonly ILogger _logger;
    private readonly ActivityListener _images;

    public ImageLog(ILogger logger)
    {
        _logger = logger;
        _images = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == TextToImage.TelemetryName,
            Sample = static (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = Log,
        };
        ActivitySource.AddActivityListener(_images);
    }

    public void Dispose() => _images.Dispose();

    private void Log(Activity image)
    {
        object? method = image.GetTagItem("sjdonnx.method");
        if (image.GetTagItem("error.type") is "cancelled")
            LogCancelled(method, image.Duration.TotalSeconds);
        else if (image.GetTagItem("error.type") is { } error)
            LogFailed(method, error, image.StatusDescription, image.Duration.TotalSeconds);
        else
            LogImage(method, image.GetTagItem("sjdonnx.tokens"), image.GetTagItem("sjdonnx.passes"), image.Duration.TotalSeconds);
    }

    [LoggerMessage(LogLevel.Information, "Image by {Method}: {Tokens} tokens in {Passes} passes, {Seconds:F2} s.")]
    private partial void LogImage(object? method, object? tokens, object? passes, double seconds);

    [LoggerMessage(LogLevel.Debug, "Image by {Method} was cancelled after {Seconds:F2} s.")]
    private partial void LogCancelled(object? method, double seconds);

    [LoggerMessage(LogLevel.Warning, "Image by {Method} ended after {Seconds:F2} s: {Error} {Reason}")]
    private partial void LogFailed(object? method, object? error, string? reason, double seconds);
}
