using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Gpu;

/// <summary>
/// Loads the model and draws one image as an application does, and once more pass by pass, to see where the time of its passes goes.
/// </summary>
internal static class WholeImage
{
    public static async Task<object> RunAsync(Loading loading, string method, int window)
    {
        var options = new GenerationOptions { Method = DecodingMethods.BuiltIn[method].Default, Window = window };
        using var memory = new HostMemory();
        long idle = memory.Peak ?? 0;
        long free = FreeOnDevice();
        long start = Stopwatch.GetTimestamp();
        await using TextToImage model = await TextToImage.LoadAsync(loading.Folder, loading.Options);
        TimeSpan load = Stopwatch.GetElapsedTime(start);
        long? loaded = memory.Peak - idle;
        GeneratedImage image = await model.GenerateAsync("an image", options);
        long device = free - FreeOnDevice();
        await model.DisposeAsync();
        GenerationTimings times = image.Timings;
        return new
        {
            LoadSeconds = load.TotalSeconds,
            LoadBytes = loaded,
            DeviceBytes = device,
            image.ForwardPasses,
            image.ImageTokens,
            PrefillSeconds = times.Prefill.TotalSeconds,
            DecodeSeconds = times.Decode.TotalSeconds,
            RunSeconds = times.Run.TotalSeconds,
            NotRun = 1 - (times.Run / times.Decode),
            Split = Split(loading, options),
            PeakBytes = memory.Peak - idle,
        };
    }

    /// <summary>
    /// Seconds of all passes but the first, by what they were spent on. Sampling is everything from the logits to the next pass's ids.
    /// </summary>
    private static object Split(Loading loading, GenerationOptions options)
    {
        using var model = new OpenedModel(loading);
        ResolvedRequest request = model.Resolve(options);
        var decoder = new Decoder(
            request.Layout, request.Method, request.Sampling, new FixedWindow(request.MaxDrafts), request.Settings.Initialization);
        Sequence[] sequences =
        [
            decoder.Begin(
                PromptedTransformer.For(
                    request.Method, model.Transformer, model.Encode(request), request.Layout, request.MaxDrafts, place: 0),
                new Randomness(request.Settings.Seed)),
        ];
        var pass = new TimedPass(model.Transformer);
        Decoder.Advance(pass, sequences); // reads the prompt
        (pass.Time, TimeSpan run, TimeSpan transfers) = (TimeSpan.Zero, model.Transformer.TimeInRun, model.Transformer.TimeInTransfers);
        long start = Stopwatch.GetTimestamp();
        while (!sequences[0].IsComplete)
            Decoder.Advance(pass, sequences);
        TimeSpan whole = Stopwatch.GetElapsedTime(start);
        (run, transfers) = (model.Transformer.TimeInRun - run, model.Transformer.TimeInTransfers - transfers);
        return new
        {
            Passes = sequences[0].Window.Statistics.ForwardPasses,
            Seconds = whole.TotalSeconds,
            Run = run.TotalSeconds,
            Copies = transfers.TotalSeconds,
            Sampling = (whole - pass.Time).TotalSeconds,
            Other = (pass.Time - run - transfers).TotalSeconds,
        };
    }

    private static long FreeOnDevice() => GpuDevice.All().Sum(static device => device.FreeMemory);

    /// <summary>Times the passes of a transformer, copies and binding included.</summary>
    private sealed class TimedPass(Transformer transformer) : IForwardPass
    {
        public TimeSpan Time { get; set; }

        public void Run(CancellationToken cancellationToken)
        {
            long start = Stopwatch.GetTimestamp();
            transformer.Run(cancellationToken);
            Time += Stopwatch.GetElapsedTime(start);
        }
    }
}
