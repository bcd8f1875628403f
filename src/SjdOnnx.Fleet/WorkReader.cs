using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace SjdOnnx.Fleet;

/// <summary>What becomes of a message.</summary>
public enum Settlement
{
    /// <summary>It is taken off the queue.</summary>
    Done,

    /// <summary>It goes back to the queue.</summary>
    Again,
}

/// <summary>A message from the queue.</summary>
/// <param name="Connection">Over which it came. It may be lost meanwhile.</param>
/// <param name="Body">The message.</param>
/// <param name="Deliveries">How often it was delivered before, without being settled.</param>
public sealed record Delivery(FleetConnection Connection, byte[] Body, int Deliveries);

/// <summary>
/// Takes messages from a queue and hands them to a handler, several at once. When the connection is lost, it connects again and again; the
/// broker then delivers once more what was not settled.
/// </summary>
/// <param name="address">The broker.</param>
/// <param name="queue">From <see cref="FleetNames.WorkOf"/>.</param>
/// <param name="worker">The worker's name, for the broker's list of connections.</param>
/// <param name="maxMessages">The most messages that are held at once.</param>
/// <param name="note">Called with a sentence when the connection is lost and when it is there again.</param>
public sealed class WorkReader(FleetAddress address, string queue, string worker, ushort maxMessages, Action<string> note)
{
    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan DrainInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Task, bool> _working = [];

    /// <summary>Reads until it is cancelled.</summary>
    /// <param name="handle">Called for each message, on the thread pool. An exception ends the reading.</param>
    /// <param name="drain">Whether to end when the queue is empty and everything is settled.</param>
    /// <param name="cancellation">Ends the reading. What is not settled goes back to the queue.</param>
    /// <exception cref="FleetException">The broker refuses access.</exception>
    public async Task RunAsync(Func<Delivery, CancellationToken, Task<Settlement>> handle, bool drain, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(handle);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        TimeSpan pause = MinPause;
        bool isLost = false;
        try
        {
            while (true)
            {
                string problem = $"The connection to the queue {address} was lost.";
                try
                {
                    FleetConnection connection = await FleetConnection.OpenAsync(address, worker, stop.Token).ConfigureAwait(false);
                    await using (connection.ConfigureAwait(false))
                    {
                        await connection.DeclareWorkAsync(queue, stop.Token).ConfigureAwait(false);
                        if (await ReadAsync(connection, handle, drain, Begun, stop).ConfigureAwait(false))
                            return;
                    }
                }
                catch (FleetException error) when (!error.IsRefused && !stop.IsCancellationRequested)
                {
                    problem = error.Message;
                }

                if (!isLost)
                    note(problem);
                isLost = true;

                await Task.Delay(pause, stop.Token).ConfigureAwait(false);
                pause = TimeSpan.FromTicks(Math.Min(MaxPause.Ticks, pause.Ticks * 2));
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_working.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        void Begun()
        {
            if (isLost)
                note($"The queue {address} is there again.");
            (isLost, pause) = (false, MinPause);
        }
    }

    /// <returns>Whether the queue was drained; false if the connection was lost.</returns>
    private async Task<bool> ReadAsync(
        FleetConnection connection, Func<Delivery, CancellationToken, Task<Settlement>> handle, bool drain, Action begun,
        CancellationTokenSource stop)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var gate = new SemaphoreSlim(1);
        IChannel? channel = null;
        await FleetConnection.GuardAsync(async () =>
        {
            channel = await connection.Connection.CreateChannelAsync(cancellationToken: stop.Token).ConfigureAwait(false);
            channel.ChannelShutdownAsync += (_, _) =>
            {
                closed.TrySetResult();
                return Task.CompletedTask;
            };
            await channel.BasicQosAsync(0, maxMessages, global: false, stop.Token).ConfigureAwait(false);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += (_, delivery) =>
            {
                var received = new Delivery(connection, delivery.Body.ToArray(), DeliveriesOf(delivery.BasicProperties));
                Track(Task.Run(() => SettleAsync(received, delivery.DeliveryTag), CancellationToken.None));
                return Task.CompletedTask;
            };
            await channel.BasicConsumeAsync(queue, autoAck: false, consumer, stop.Token).ConfigureAwait(false);
        }, stop.Token).ConfigureAwait(false);
        begun();

        await using (channel!.ConfigureAwait(false))
        {
            while (true)
            {
                Task next = drain ? Task.Delay(DrainInterval, stop.Token) : Task.Delay(Timeout.InfiniteTimeSpan, stop.Token);
                Task first = await Task.WhenAny(closed.Task, failed.Task, next).ConfigureAwait(false);
                await first.ConfigureAwait(false);
                if (first == closed.Task)
                    return false;
                if (_working.IsEmpty && await IsEmptyAsync(connection, stop.Token).ConfigureAwait(false) && _working.IsEmpty)
                    return true;
            }
        }

        async Task SettleAsync(Delivery delivery, ulong tag)
        {
            try
            {
                Settlement settlement = await handle(delivery, stop.Token).ConfigureAwait(false);
                await gate.WaitAsync(stop.Token).ConfigureAwait(false);
                try
                {
                    if (settlement == Settlement.Done)
                        await channel!.BasicAckAsync(tag, multiple: false, stop.Token).ConfigureAwait(false);
                    else
                        await channel!.BasicNackAsync(tag, multiple: false, requeue: true, stop.Token).ConfigureAwait(false);
                }
                finally
                {
                    gate.Release();
                }
            }
            catch (Exception error) when (error is FleetException { IsRefused: false } || FleetConnection.IsLost(error, stop.Token))
            {
                // The broker delivers the message again, and the handler recognizes what it has done.
            }
            catch (Exception error)
            {
                failed.TrySetException(error);
            }
        }
    }

    private void Track(Task work)
    {
        _working[work] = true;
        _ = work.ContinueWith(ended => _working.TryRemove(ended, out _), TaskScheduler.Default);
    }

    private async Task<bool> IsEmptyAsync(FleetConnection connection, CancellationToken cancellation)
    {
        bool isEmpty = false;
        await FleetConnection.GuardAsync(async () =>
        {
            IChannel channel = await connection.Connection.CreateChannelAsync(cancellationToken: cancellation).ConfigureAwait(false);
            await using (channel.ConfigureAwait(false))
                isEmpty = (await channel.QueueDeclarePassiveAsync(queue, cancellation).ConfigureAwait(false)).MessageCount == 0;
        }, cancellation).ConfigureAwait(false);
        return isEmpty;
    }

    private static int DeliveriesOf(IReadOnlyBasicProperties properties) =>
        properties.Headers is { } headers && headers.TryGetValue("x-delivery-count", out object? count) && count is not null
            ? Convert.ToInt32(count, System.Globalization.CultureInfo.InvariantCulture)
            : 0;
}
