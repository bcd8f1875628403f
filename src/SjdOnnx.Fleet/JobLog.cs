using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace SjdOnnx.Fleet;

/// <summary>
/// The log of a job: a RabbitMQ stream, which many can read without taking anything away. The queue itself does not tell which of its
/// images belong to which job.
/// </summary>
public sealed class JobLog
{
    private const ushort ReadAhead = 2000;

    // Acknowledgements only tell the broker to send more.
    private const ulong AcknowledgedTogether = ReadAhead / 4;

    private readonly FleetConnection _connection;
    private readonly string _stream;

    private JobLog(FleetConnection connection, string stream) => (_connection, _stream) = (connection, stream);

    /// <summary>Adds an entry with the present time, and returns when the broker has stored it.</summary>
    /// <exception cref="FleetException">The connection was lost.</exception>
    public Task AddAsync(JobEvent entry, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        JobEvent timed = entry with { Time = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() };
        return _connection.PublishAsync(_stream, [timed.ToBytes()], cancellation);
    }

    /// <summary>Reads all entries of a job up to now.</summary>
    /// <returns>Null if there is no such job.</returns>
    /// <exception cref="FleetException">The connection was lost.</exception>
    public static async Task<IReadOnlyList<JobEvent>?> ReadAsync(
        FleetConnection connection, string job, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var log = new JobLog(connection, FleetNames.LogOf(job));
        List<JobEvent>? entries = null;
        await FleetConnection.GuardAsync(async () =>
        {
            if (await connection.ExistsAsync(log._stream, cancellation).ConfigureAwait(false))
                entries = await log.ReadAsync(cancellation).ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
        return entries;
    }

    /// <summary>Opens the log of a job, and creates it unless there is one.</summary>
    internal static async Task<JobLog> OpenAsync(FleetConnection connection, string job, CancellationToken cancellation)
    {
        string stream = FleetNames.LogOf(job);
        await FleetConnection.GuardAsync(
            () => connection.DeclareAsync(stream, new() { ["x-queue-type"] = "stream" }, cancellation), cancellation)
            .ConfigureAwait(false);
        return new JobLog(connection, stream);
    }

    private async Task<List<JobEvent>> ReadAsync(CancellationToken cancellation)
    {
        // A stream does not tell its length, so a mark of our own is its end.
        string mark = Guid.NewGuid().ToString("N");
        await AddAsync(new JobEvent(JobEventKind.Read, 0) { Digest = mark }, cancellation).ConfigureAwait(false);

        var entries = new List<JobEvent>();
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = cancellation.Register(() => end.TrySetCanceled(cancellation));
        IChannel channel = await _connection.Connection.CreateChannelAsync(cancellationToken: cancellation).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            await channel.BasicQosAsync(0, ReadAhead, global: false, cancellation).ConfigureAwait(false);
            channel.ChannelShutdownAsync += (_, reason) =>
            {
                end.TrySetException(new IOException(reason.ReplyText));
                return Task.CompletedTask;
            };
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += async (_, delivery) =>
            {
                if (JobEvent.FromBytes(delivery.Body.Span) is { } entry && !end.Task.IsCompleted)
                {
                    if (entry.Kind == JobEventKind.Read && entry.Digest == mark)
                        end.TrySetResult();
                    else
                        entries.Add(entry);
                }

                if (delivery.DeliveryTag % AcknowledgedTogether == 0 && !end.Task.IsCompleted)
                    await channel.BasicAckAsync(delivery.DeliveryTag, multiple: true, cancellation).ConfigureAwait(false);
            };
            var fromTheStart = new Dictionary<string, object?> { ["x-stream-offset"] = "first" };
            await channel.BasicConsumeAsync(
                _stream, autoAck: false, consumerTag: "", noLocal: false, exclusive: false, fromTheStart, consumer, cancellation)
                .ConfigureAwait(false);
            await end.Task.ConfigureAwait(false);
        }

        return entries;
    }
}
