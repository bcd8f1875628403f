using System.Text;
using RabbitMQ.Client;

namespace SjdOnnx.Fleet.Tests;

[Collection(UsesBroker.Name)]
public sealed class FleetConnectionTests(Broker broker)
{
    [BrokerFact]
    public async Task A_wrong_password_is_refused_for_good()
    {
        var error = await Assert.ThrowsAsync<FleetException>(
            () => FleetConnection.OpenAsync(FleetAddress.Parse(broker.Url, name => name == "SJD_QUEUE_PASSWORD" ? "wrong" : null), "test"));

        Assert.True(error.IsRefused);
        Assert.StartsWith($"The queue {broker.Url} refuses access: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_is_not_there_may_come_later()
    {
        var error = await Assert.ThrowsAsync<FleetException>(
            () => FleetConnection.OpenAsync(FleetAddress.Parse("amqp://127.0.0.1:1", _ => null), "test"));

        Assert.False(error.IsRefused);
        Assert.StartsWith("The queue amqp://127.0.0.1:1 cannot be reached: ", error.Message, StringComparison.Ordinal);
    }

    [BrokerFact]
    public async Task TLS_needs_an_authority_that_is_trusted_and_the_right_name()
    {
        string? Trusting(string name) => name == "SJD_QUEUE_CA" ? broker.Authority : null;

        await using (await FleetConnection.OpenAsync(FleetAddress.Parse(broker.TlsUrl, Trusting), "test"))
        {
        }

        Assert.True((await Assert.ThrowsAsync<FleetException>(
            () => FleetConnection.OpenAsync(FleetAddress.Parse(broker.TlsUrl, _ => null), "test"))).IsRefused);
        string otherName = broker.TlsUrl.Replace("localhost", "127.0.0.1", StringComparison.Ordinal);
        Assert.True((await Assert.ThrowsAsync<FleetException>(
            () => FleetConnection.OpenAsync(FleetAddress.Parse(otherName, Trusting), "test"))).IsRefused);
    }

    [BrokerFact]
    public async Task A_failed_message_keeps_its_body_and_has_the_reason()
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test");
        await connection.DeclareWorkAsync("sjd.work.failing");

        await connection.PublishFailedAsync("body"u8.ToArray(), "worker-1", "NaN – really");

        await using IChannel channel = await connection.Connection.CreateChannelAsync();
        BasicGetResult? failed = await channel.BasicGetAsync(FleetNames.Failed, autoAck: true);
        Assert.Equal("body", Encoding.UTF8.GetString(failed!.Body.Span));
        Assert.Equal("NaN – really", Encoding.UTF8.GetString((byte[])failed.BasicProperties.Headers!["sjd-reason"]!));
        Assert.Equal("worker-1", Encoding.UTF8.GetString((byte[])failed.BasicProperties.Headers!["sjd-worker"]!));
    }

    [BrokerFact]
    public async Task A_message_for_a_queue_that_does_not_exist_is_an_error()
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test");

        var error = await Assert.ThrowsAsync<FleetException>(() => connection.PublishAsync("nowhere", ["x"u8.ToArray()]));

        Assert.True(error.IsRefused);
    }
}
