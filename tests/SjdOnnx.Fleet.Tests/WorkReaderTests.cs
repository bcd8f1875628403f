using System.Collections.Concurrent;
using System.Text;

namespace SjdOnnx.Fleet.Tests;

[Collection(UsesBroker.Name)]
public sealed class WorkReaderTests(Broker broker)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly ConcurrentQueue<string> _notes = [];

    [BrokerFact]
    public async Task Every_message_is_handled_once_and_an_empty_queue_ends_the_reading()
    {
        var handled = new ConcurrentBag<string>();
        await PublishAsync("sjd.work.once", 100);

        await Reader("sjd.work.once").RunAsync(Handle, drain: true, CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}").Order(), handled.Order());

        Task<Settlement> Handle(Delivery delivery, CancellationToken cancellation)
        {
            handled.Add(Encoding.UTF8.GetString(delivery.Body));
            return Task.FromResult(Settlement.Done);
        }
    }

    [BrokerFact]
    public async Task No_more_messages_are_held_than_asked_for()
    {
        (int held, int most) = (0, 0);
        await PublishAsync("sjd.work.held", 30);

        await Reader("sjd.work.held", maxMessages: 4).RunAsync(HandleAsync, drain: true, CancellationToken.None);

        Assert.InRange(most, 2, 4);

        async Task<Settlement> HandleAsync(Delivery delivery, CancellationToken cancellation)
        {
            most = Math.Max(most, Interlocked.Increment(ref held));
            await Task.Delay(20, cancellation);
            Interlocked.Decrement(ref held);
            return Settlement.Done;
        }
    }

    [BrokerFact]
    public async Task A_message_that_goes_back_is_delivered_again_and_counted()
    {
        var deliveries = new ConcurrentQueue<int>();
        await PublishAsync("sjd.work.again", 1);

        await Reader("sjd.work.again").RunAsync(Handle, drain: true, CancellationToken.None);

        Assert.Equal([0, 1, 2], deliveries);

        Task<Settlement> Handle(Delivery delivery, CancellationToken cancellation)
        {
            deliveries.Enqueue(delivery.Deliveries);
            return Task.FromResult(delivery.Deliveries < 2 ? Settlement.Again : Settlement.Done);
        }
    }

    [BrokerFact]
    public async Task What_was_held_when_a_reader_ended_goes_to_another_one()
    {
        await PublishAsync("sjd.work.held-at-the-end", 3);
        await Assert.ThrowsAsync<InvalidOperationException>(() => Reader("sjd.work.held-at-the-end").RunAsync(
            (_, _) => throw new InvalidOperationException("The disk is full."), drain: true, CancellationToken.None));
        int handled = 0;

        await Reader("sjd.work.held-at-the-end").RunAsync(
            (_, _) => Task.FromResult(Interlocked.Increment(ref handled) > 0 ? Settlement.Done : Settlement.Again), drain: true,
            CancellationToken.None);

        Assert.Equal(3, handled);
    }

    [BrokerFact]
    public async Task Cancellation_ends_the_reading()
    {
        using var stop = new CancellationTokenSource();
        await PublishAsync("sjd.work.cancelled", 1);
        Task reading = Reader("sjd.work.cancelled").RunAsync(
            async (_, cancellation) =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellation);
                return Settlement.Done;
            },
            drain: false, stop.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [BrokerFact]
    public async Task The_broker_can_be_killed_and_nothing_is_lost()
    {
        const string Queue = "sjd.work.killed";
        const int Messages = 60;
        var handled = new ConcurrentDictionary<string, int>();
        await PublishAsync(Queue, Messages);
        var some = new TaskCompletionSource();
        Task reading = Reader(Queue, maxMessages: 4).RunAsync(HandleAsync, drain: true, CancellationToken.None);
        await some.Task;
        await Task.Delay(Broker.UntilQueuesAreStored);

        broker.Kill();
        await broker.StartAsync();
        await Task.WhenAny(reading, Task.Delay(Limit));
        Assert.True(reading.IsCompleted, $"{handled.Count} of {Messages} messages were handled within {Limit}: {string.Join(' ', _notes)}");
        await reading;

        Assert.Equal(Messages, handled.Count);
        Assert.InRange(handled.Values.Sum(), Messages, Messages + 4 + 1); // what was held comes again
        Assert.Contains(_notes, note => note.Contains("was lost", StringComparison.Ordinal));

        async Task<Settlement> HandleAsync(Delivery delivery, CancellationToken cancellation)
        {
            await Task.Delay(600, cancellation);
            handled.AddOrUpdate(Encoding.UTF8.GetString(delivery.Body), 1, (_, times) => times + 1);
            if (handled.Count >= 4)
                some.TrySetResult();
            return Settlement.Done;
        }
    }

    private WorkReader Reader(string queue, ushort maxMessages = 8) => new(broker.Address, queue, "test", maxMessages, _notes.Enqueue);

    private async Task PublishAsync(string queue, int messages)
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test");
        await connection.DeclareWorkAsync(queue);
        IEnumerable<byte[]> bodies = Enumerable.Range(0, messages).Select(i => Encoding.UTF8.GetBytes($"{i}"));
        await connection.PublishAsync(queue, bodies.Select(body => new ReadOnlyMemory<byte>(body)));
    }
}
