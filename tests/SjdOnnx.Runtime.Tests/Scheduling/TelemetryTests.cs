using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests.Scheduling;

/// <summary>Traces and metrics. Other tests of the process draw meanwhile, so a test looks at the children of its own span alone.</summary>
public sealed class TelemetryTests : IClassFixture<SmallModel>, IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };
    private static readonly GenerationOptions Tiny = new() { Method = new MaximalCoupling(), Window = 4, Size = SmallModel.Tiny };

    private readonly SmallModel _small;
    private readonly ConcurrentQueue<Activity> _stopped = new();
    private readonly ActivitySource _source = new("SjdOnnx.Runtime.Tests");
    private readonly ActivityListener _listener;

    public TelemetryTests(SmallModel small)
    {
        _small = small;
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == TextToImage.TelemetryName || source == _source,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = _stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    [ModelFact]
    public async Task A_finished_image_is_a_span_below_the_callers()
    {
        using TextToImage model = _small.Load();
        using Activity caller = _source.StartActivity("request")!;

        Task<GeneratedImage> drawing = model.GenerateAsync(Fox, Tiny);

        Assert.Same(caller, Activity.Current);
        GeneratedImage image = await drawing;
        Activity span = ChildOf(caller);
        Assert.Equal("generate_image", span.OperationName);
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal(model.Model.Name, span.GetTagItem("gen_ai.request.model"));
        Assert.Equal("mc", span.GetTagItem("sjdonnx.method"));
        Assert.Equal(image.ImageTokens, span.GetTagItem("sjdonnx.tokens"));
        Assert.Equal(image.ForwardPasses, span.GetTagItem("sjdonnx.passes"));
    }

    [ModelFact]
    public async Task A_refused_request_ends_its_span_with_the_reason()
    {
        using TextToImage model = _small.Load(new TextToImageOptions { MaxBatch = 1, MaxQueueLength = 1 });
        using var gate = new Gate();
        Task<GeneratedImage> drawn = model.GenerateAsync(Fox, Tiny, gate);
        await gate.Reached;
        Task<GeneratedImage> waiting = model.GenerateAsync(Fox, Tiny);
        using Activity caller = _source.StartActivity("request")!;

        await Assert.ThrowsAsync<QueueFullException>(() => model.GenerateAsync(Fox, Tiny));

        Activity span = ChildOf(caller);
        Assert.Equal((ActivityStatusCode.Error, typeof(QueueFullException).FullName), (span.Status, span.GetTagItem("error.type")));
        gate.Open();
        await Task.WhenAll(drawn, waiting);
    }

    [ModelFact]
    public async Task A_cancelled_request_ends_its_span()
    {
        using TextToImage model = _small.Load();
        using var stop = new CancellationTokenSource();
        using var gate = new Gate();
        using Activity caller = _source.StartActivity("request")!;
        Task<GeneratedImage> drawn = model.GenerateAsync(Fox, Tiny, gate, stop.Token);
        await gate.Reached;
        await stop.CancelAsync();
        gate.Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drawn);

        Assert.Equal("cancelled", ChildOf(caller).GetTagItem("error.type"));
    }

    [ModelFact]
    public async Task A_metric_listener_that_throws_ends_no_image()
    {
        int thrown = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == TextToImage.TelemetryName)
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, _, _, _) => throw new IOException($"Disk full, {Interlocked.Increment(ref thrown)}."));
        listener.Start();
        using TextToImage model = _small.Load();

        Assert.Equal(16, (await model.GenerateAsync(Fox, Tiny)).ImageTokens);
        Assert.Equal(16, (await model.GenerateAsync(Fox, Tiny)).ImageTokens);
        Assert.True(thrown > 2);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _source.Dispose();
    }

    private Activity ChildOf(Activity caller) =>
        Assert.Single(_stopped, one => one.ParentSpanId == caller.SpanId && one.TraceId == caller.TraceId);
}
