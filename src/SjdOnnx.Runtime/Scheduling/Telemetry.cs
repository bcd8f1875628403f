using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace SjdOnnx.Runtime.Scheduling;

/// <summary>
/// Traces and measurements of images, by OpenTelemetry's naming rules. Without a listener they cost next to nothing, and nothing leaves the
/// process unless the application exports it.
/// </summary>
internal static class Telemetry
{
    public const string Name = "SjdOnnx";

    private static readonly ActivitySource Source = new(Name, TextToImage.Version);
    private static readonly Meter Meter = new(Name, TextToImage.Version);
    private static readonly Counter<long> Images = Meter.CreateCounter<long>("sjdonnx.images", "{image}", "Images that were finished.");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>(
        "sjdonnx.tokens", "{token}", "Image tokens that were decoded.");
    private static readonly Counter<long> Passes = Meter.CreateCounter<long>(
        "sjdonnx.passes", "{pass}", "Forward passes, summed over images, not counting prefills.");
    private static readonly Histogram<double> TokensPerPass = Meter.CreateHistogram<double>(
        "sjdonnx.tokens_per_pass", "{token}", "Image tokens for each forward pass of an image.");
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "sjdonnx.image.duration", "s", "From the request to its end, waiting included.");
    private static readonly UpDownCounter<long> Queue = Meter.CreateUpDownCounter<long>(
        "sjdonnx.queue.length", "{request}", "Requests that wait for their turn.");

    /// <summary>Begins the trace of an image; null if nobody listens.</summary>
    public static Activity? Start(GenerationSettings settings, string model)
    {
        Activity? outer = Activity.Current;
        Activity? activity = Source.StartActivity("generate_image");
        Activity.Current = outer; // it ends on another thread
        activity?.SetTag("gen_ai.operation.name", "image_generation")
            .SetTag("gen_ai.request.model", model)
            .SetTag("sjdonnx.method", settings.Method.Descriptor.Name)
            .SetTag("sjdonnx.window", settings.Window.ToString())
            .SetTag("sjdonnx.precision", settings.Precision.Name)
            .SetTag("sjdonnx.provider", settings.Provider.Name())
            .SetTag("sjdonnx.size", settings.Size.ToString());
        return activity;
    }

    /// <summary>A request began to wait (1) or its turn came (−1).</summary>
    public static void Wait(int change) => Tell(() => Queue.Add(change));

    /// <summary>An image is finished.</summary>
    public static void Finish(Activity? activity, GeneratedImage image, TimeSpan duration) => Tell(() =>
    {
        var method = new KeyValuePair<string, object?>("sjdonnx.method", image.Settings.Method.Descriptor.Name);
        Images.Add(1, method);
        Tokens.Add(image.ImageTokens, method);
        Passes.Add(image.ForwardPasses, method);
        TokensPerPass.Record(image.TokensPerPass, method);
        Duration.Record(duration.TotalSeconds, method);
        Stop(activity?.SetTag("sjdonnx.tokens", image.ImageTokens)
            .SetTag("sjdonnx.passes", image.ForwardPasses)
            .SetTag("sjdonnx.tokens_per_pass", image.TokensPerPass));
    });

    /// <summary>An image ended without a result.</summary>
    public static void Fail(Activity? activity, GenerationSettings settings, Exception? error, TimeSpan duration) => Tell(() =>
    {
        string type = error?.GetType().FullName ?? "cancelled";
        Duration.Record(
            duration.TotalSeconds,
            new KeyValuePair<string, object?>("sjdonnx.method", settings.Method.Descriptor.Name),
            new KeyValuePair<string, object?>("error.type", type));
        Stop(activity?.SetTag("error.type", type).SetStatus(ActivityStatusCode.Error, error?.Message));
    });

    /// <summary>Stopping an activity makes its parent the current one, which belongs to another thread's work.</summary>
    private static void Stop(Activity? activity)
    {
        Activity? outer = Activity.Current;
        activity?.Stop();
        Activity.Current = outer;
    }

    /// <summary>Listeners are the application's code; one that throws must not end an image.</summary>
    private static void Tell(Action measure)
    {
        try
        {
            measure();
        }
        catch (Exception)
        {
            // The measurement is lost.
        }
    }
}
