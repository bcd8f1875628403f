using System.Collections.Concurrent;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests.Scheduling;

/// <summary>These tests run by themselves: an exception that another test leaves unobserved would count here.</summary>
[CollectionDefinition(nameof(CancellationUnderLoadTests), DisableParallelization = true)]
public sealed class RunsAlone;

/// <summary>Calls of all kinds that are cancelled or abandoned at random, and models that are disposed at random.</summary>
[Collection(nameof(CancellationUnderLoadTests))]
public sealed class CancellationUnderLoadTests(SmallModel small) : IClassFixture<SmallModel>, IDisposable
{
    private const int Models = 5;
    private const int CallsPerModel = 40;
    private const int ConcurrentCalls = 10;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(1);
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };
    private static readonly GenerationOptions Coupled = new() { Method = new MaximalCoupling(), Window = 8, Size = SmallModel.Small };

    private readonly ConcurrentQueue<Exception> _unobserved = [];

    /// <summary>The choices come from a fixed seed; how the threads interleave does not.</summary>
    [ModelFact]
    public async Task Two_hundred_random_cancellations_and_disposals_leave_no_hang_no_tensor_and_no_unobserved_exception()
    {
        Collect(); // of earlier tests
        TaskScheduler.UnobservedTaskException += Unobserved;
        var random = new Random(20261127);
        var ends = new ConcurrentDictionary<string, int>();
        for (int i = 0; i < Models; i++)
        {
            TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 4, MaxQueueLength = 6, CacheFolder = "" });
            Call[] calls = [.. Enumerable.Range(0, CallsPerModel).Select(_ => Call.Random(random))];
            var left = new ConcurrentQueue<Call>(calls);
            Task[] callers = [.. Enumerable.Range(0, ConcurrentCalls).Select(_ => Task.Run(() => MakeCallsAsync(model, left, ends)))];
            // The first model is disposed when all its calls have ended, the others in the middle of them.
            if (i == 0)
                await Task.WhenAll(callers).WaitAsync(Hang);
            while (left.Count > CallsPerModel - (i * CallsPerModel / Models))
                await Task.Delay(1);
            await model.DisposeAsync().AsTask().WaitAsync(Hang);
            await Task.WhenAll(callers).WaitAsync(Hang);
            Assert.Equal(0, model.LiveTensors);
            Assert.Equal((0, 0), (model.ImagesUnderWay, model.QueueLength));
        }

        Collect();
        Assert.Empty(_unobserved);
        Assert.Equal(Models * CallsPerModel, ends.Values.Sum());
        string[] kinds = ["a result", nameof(OperationCanceledException), nameof(ObjectDisposedException)];
        Assert.All(kinds, kind => Assert.True(ends.GetValueOrDefault(kind) > 0, $"No call ended with {kind}: {string.Join(", ", ends)}."));
        Assert.Empty(ends.Keys.Except([.. kinds, nameof(QueueFullException)]));
    }

    /// <summary>What was cancelled before leaves nothing in the caches and buffers that would change an image.</summary>
    [ModelFact]
    public async Task After_random_cancellations_a_model_draws_the_same_image()
    {
        using TextToImage model = small.Load(new TextToImageOptions { MaxBatch = 4, CacheFolder = "" });
        GeneratedImage before = await model.GenerateAsync(Fox, Coupled);
        var random = new Random(7);
        for (int round = 0; round < 10; round++)
        {
            var left = new ConcurrentQueue<Call>(Enumerable.Range(0, 4).Select(_ => Call.Random(random)));
            Task calls = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => MakeCallsAsync(model, left, []))));
            GeneratedImage among = await model.GenerateAsync(Fox, Coupled).WaitAsync(Hang);
            await calls.WaitAsync(Hang);
            Assert.Equal(before.TokenIds, among.TokenIds);
            Assert.True(before.Pixels.Rgb.Span.SequenceEqual(among.Pixels.Rgb.Span));
        }
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Unobserved;

    private static async Task MakeCallsAsync(TextToImage model, ConcurrentQueue<Call> left, ConcurrentDictionary<string, int> ends)
    {
        while (left.TryDequeue(out Call? call))
        {
            using var stop = new CancellationTokenSource();
            if (call.CancelAfter is { } delay)
                stop.CancelAfter(delay);
            string end = "a result";
            try
            {
                await call.RunAsync(model, stop.Token).WaitAsync(Hang);
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or QueueFullException)
            {
                end = error is OperationCanceledException ? nameof(OperationCanceledException) : error.GetType().Name;
            }

            ends.AddOrUpdate(end, 1, static (_, count) => count + 1);
        }
    }

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private void Unobserved(object? sender, UnobservedTaskExceptionEventArgs args) => _unobserved.Enqueue(args.Exception);

    /// <summary>A call of the public API.</summary>
    /// <param name="Kind">Which one.</param>
    /// <param name="CancelAfter">Null for never.</param>
    /// <param name="LeaveAfter">Events or images after which the reader leaves.</param>
    private sealed record Call(int Kind, GenerationOptions Options, ulong Seed, TimeSpan? CancelAfter, int LeaveAfter)
    {
        private const int Kinds = 6;

        public static Call Random(Random random)
        {
            GenerationOptions options = Coupled with
            {
                Window = random.Next(4) == 0 ? WindowSize.Auto : random.Next(20),
                Size = random.Next(2) == 0 ? SmallModel.Small : SmallModel.Wide,
                PreviewEveryRows = random.Next(3),
            };
            if (random.Next(5) == 0)
                options = options with { Method = new ProactiveDrafting() };
            TimeSpan? cancelAfter = random.Next(3) == 0 ? null : TimeSpan.FromMilliseconds(random.Next(60));
            return new Call(random.Next(Kinds), options, (ulong)random.Next(), cancelAfter, 1 + random.Next(30));
        }

        public Task RunAsync(TextToImage model, CancellationToken cancellation)
        {
            GenerationRequest request = Fox with { Seed = Seed };
            return Kind switch
            {
                0 => model.MeasurePassCostsAsync(again: true, cancellationToken: cancellation),
                1 => ReadAsync(model.StreamAsync(request, Options, cancellation)),
                2 => ReadAsync(model.GenerateManyAsync(Enumerable.Repeat(request, 6), Options, cancellationToken: cancellation)),
                _ => model.GenerateAsync(request, Options, cancellationToken: cancellation),
            };
        }

        private async Task ReadAsync<T>(IAsyncEnumerable<T> values)
        {
            int read = 0;
            await foreach (T _ in values)
            {
                if (++read == LeaveAfter)
                    break;
            }
        }
    }
}
