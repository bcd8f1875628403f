using System.Collections.Concurrent;
using System.Security.Authentication;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace SjdOnnx.Fleet;

/// <summary>A connection to the broker, which publishes. Thread-safe.</summary>
public sealed class FleetConnection : IAsyncDisposable
{
    // A confirmation takes about as long as a write to the broker's disk, so many are awaited together.
    private const int PublishedTogether = 256;

    // Nobody holds an image that long; what is there is the net below the worker's own counting.
    private const int MaxDeliveries = 1000;

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConsumerTimeout = TimeSpan.FromHours(24);
    private static readonly Version ConsumerTimeoutOfQueues = new(3, 12);

    private readonly IChannel _publishing;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly ConcurrentDictionary<string, JobLog> _logs = [];

    private FleetConnection(IConnection connection, IChannel publishing) => (Connection, _publishing) = (connection, publishing);

    internal IConnection Connection { get; }

    /// <param name="address">The broker.</param>
    /// <param name="name">Of the program, for the broker's list of connections.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="FleetException">The broker cannot be reached, or refuses access.</exception>
    public static async Task<FleetConnection> OpenAsync(FleetAddress address, string name, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        try
        {
            IConnection connection = await address.Factory(name).CreateConnectionAsync(cancellation).ConfigureAwait(false);
            var options = new CreateChannelOptions(
                publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
            return new FleetConnection(
                connection, await connection.CreateChannelAsync(options, cancellation).ConfigureAwait(false));
        }
        catch (Exception error) when (IsLost(error, cancellation))
        {
            Exception cause = error.GetBaseException();
            bool isRefused = IsRefused(error) || error.InnerException is AuthenticationFailureException ||
                cause is AuthenticationFailureException or AuthenticationException;
            throw new FleetException(isRefused
                ? $"The queue {address} refuses access: {FirstLine(cause)}. Check the user, the password and the certificate authority " +
                  $"({FleetAddress.UserVariable}, {FleetAddress.PasswordVariable}, {FleetAddress.AuthorityVariable})."
                : $"The queue {address} cannot be reached: {FirstLine(cause)}. Check the address, and that RabbitMQ is running there.",
                isRefused, error);
        }
    }

    /// <summary>Declares the queue of images for one model, and the one of those that failed. They survive the broker's restart.</summary>
    /// <param name="queue">From <see cref="FleetNames.WorkOf"/>.</param>
    /// <exception cref="FleetException">The broker does not allow it.</exception>
    public Task DeclareWorkAsync(string queue, CancellationToken cancellation = default) => GuardAsync(async () =>
    {
        await DeclareAsync(FleetNames.Failed, new() { ["x-queue-type"] = "quorum" }, cancellation).ConfigureAwait(false);
        var arguments = new Dictionary<string, object?>
        {
            ["x-queue-type"] = "quorum",
            ["x-delivery-limit"] = MaxDeliveries,
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = FleetNames.Failed,
            ["x-dead-letter-strategy"] = "at-least-once",
            ["x-overflow"] = "reject-publish",
        };
        if (ServerVersion >= ConsumerTimeoutOfQueues)
            arguments["x-consumer-timeout"] = (long)ConsumerTimeout.TotalMilliseconds;
        await DeclareAsync(queue, arguments, cancellation).ConfigureAwait(false);
    }, cancellation);

    /// <summary>The log of a job, which is created unless there is one.</summary>
    /// <exception cref="FleetException">The connection was lost, or the broker does not allow it.</exception>
    public async Task<JobLog> LogOfAsync(string job, CancellationToken cancellation = default)
    {
        if (_logs.TryGetValue(job, out JobLog? known))
            return known;
        return _logs[job] = await JobLog.OpenAsync(this, job, cancellation).ConfigureAwait(false);
    }

    /// <summary>Publishes messages, and returns when the broker has confirmed all of them.</summary>
    /// <exception cref="FleetException">The connection was lost, or the broker refused a message.</exception>
    public Task PublishAsync(string queue, IEnumerable<ReadOnlyMemory<byte>> messages, CancellationToken cancellation = default) =>
        GuardAsync(async () =>
        {
            foreach (ReadOnlyMemory<byte>[] together in messages.Chunk(PublishedTogether))
            {
                await PublishAsync(queue, static () => new BasicProperties { Persistent = true }, together, cancellation)
                    .ConfigureAwait(false);
            }
        }, cancellation);

    /// <summary>Puts a message into the queue of those that failed, with the reason in a header.</summary>
    /// <exception cref="FleetException">The connection was lost.</exception>
    public Task PublishFailedAsync(ReadOnlyMemory<byte> message, string worker, string reason, CancellationToken cancellation = default) =>
        GuardAsync(() => PublishAsync(FleetNames.Failed, () => new BasicProperties
        {
            Persistent = true,
            Headers = new Dictionary<string, object?>
            {
                [FleetNames.ReasonHeader] = Encoding.UTF8.GetBytes(reason),
                [FleetNames.WorkerHeader] = Encoding.UTF8.GetBytes(worker),
            },
        }, [message], cancellation), cancellation);

    /// <summary>Closes the connection. After the broker was killed, the client can wait for its farewell for ever; we do not.</summary>
    public async ValueTask DisposeAsync()
    {
        await CloseAsync().WaitAsync(CloseTimeout).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _gate.Dispose();

        async Task CloseAsync()
        {
            await Connection.AbortAsync(CloseTimeout).ConfigureAwait(false);
            await _publishing.DisposeAsync().ConfigureAwait(false);
            await Connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Publishes messages together, one caller after another, because channels are not thread-safe.</summary>
    /// <param name="properties">Makes those of a message. The client writes into them, so no two messages share them.</param>
    private async Task PublishAsync(
        string queue, Func<BasicProperties> properties, ReadOnlyMemory<byte>[] messages, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            Task[] confirmations = [.. messages.Select(message => _publishing.BasicPublishAsync(
                exchange: "", queue, mandatory: true, properties(), message, cancellation).AsTask())];
            await Task.WhenAll(confirmations).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Declares a durable queue unless there is one, which may have been declared by another version.</summary>
    internal async Task DeclareAsync(string queue, Dictionary<string, object?> arguments, CancellationToken cancellation)
    {
        if (await ExistsAsync(queue, cancellation).ConfigureAwait(false))
            return;
        IChannel channel = await Connection.CreateChannelAsync(cancellationToken: cancellation).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments,
                cancellationToken: cancellation).ConfigureAwait(false);
        }
    }

    internal async Task<bool> ExistsAsync(string queue, CancellationToken cancellation)
    {
        IChannel channel = await Connection.CreateChannelAsync(cancellationToken: cancellation).ConfigureAwait(false);
        await using (channel.ConfigureAwait(false))
        {
            try
            {
                await channel.QueueDeclarePassiveAsync(queue, cancellation).ConfigureAwait(false);
                return true;
            }
            catch (OperationInterruptedException error) when (error.ShutdownReason?.ReplyCode == Constants.NotFound)
            {
                return false;
            }
        }
    }

    /// <summary>Turns what the client throws when a connection is lost into a <see cref="FleetException"/>.</summary>
    internal static async Task GuardAsync(Func<Task> work, CancellationToken cancellation)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception error) when (IsLost(error, cancellation))
        {
            bool isRefused = IsRefused(error);
            string what = isRefused ? "The queue refuses access" : "The connection to the queue was lost";
            throw new FleetException($"{what}: {FirstLine(error)}.", isRefused, error);
        }
        catch (PublishException error)
        {
            throw new FleetException($"The queue refused a message: {FirstLine(error)}.", isRefused: true, error);
        }
    }

    /// <summary>Whether an exception means that the connection is lost. The client cancels what waits for an answer then.</summary>
    internal static bool IsLost(Exception error, CancellationToken cancellation) =>
        error is RabbitMQClientException and not PublishException or IOException or ObjectDisposedException or TimeoutException ||
        (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    private static bool IsRefused(Exception error) => (error as OperationInterruptedException ?? error.InnerException as
        OperationInterruptedException)?.ShutdownReason?.ReplyCode is Constants.AccessRefused or Constants.NotAllowed;

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0].Trim().TrimEnd('.');

    private Version ServerVersion =>
        Connection.ServerProperties is { } properties && properties.TryGetValue("version", out object? value) && value is byte[] text
            && Version.TryParse(Encoding.UTF8.GetString(text).Split('-', '+')[0], out Version? version)
            ? version
            : new Version(0, 0);
}
