namespace SjdOnnx.Fleet.Tests;

public sealed class FleetAddressTests
{
    [Fact]
    public void User_and_password_come_from_the_environment()
    {
        var variables = new Dictionary<string, string> { ["SJD_QUEUE_USER"] = "ann", ["SJD_QUEUE_PASSWORD"] = "se cret" };
        RabbitMQ.Client.ConnectionFactory factory =
            FleetAddress.Parse("amqp://host:5673/night", variables.GetValueOrDefault).Factory("test");

        Assert.Equal(
            ("host", 5673, "night", "ann", "se cret"),
            (factory.HostName, factory.Port, factory.VirtualHost, factory.UserName, factory.Password));
        Assert.False(factory.Ssl.Enabled);
    }

    [Fact]
    public void Those_of_the_URL_win_and_are_not_printed()
    {
        var address = FleetAddress.Parse(
            "amqps://bob:p%40ss@host/v", name => name is "SJD_QUEUE_USER" or "SJD_QUEUE_PASSWORD" ? "other" : null);
        RabbitMQ.Client.ConnectionFactory factory = address.Factory("test");

        Assert.Equal(("bob", "p@ss", 5671, "v"), (factory.UserName, factory.Password, factory.Port, factory.VirtualHost));
        Assert.True(factory.Ssl.Enabled);
        Assert.Equal("amqps://host/v", address.ToString());
    }

    [Fact]
    public void The_URL_can_come_from_the_environment() =>
        Assert.Equal("amqp://host:1", FleetAddress.Parse(null, name => name == "SJD_QUEUE" ? "amqp://host:1" : null).ToString());

    [Theory]
    [InlineData("http://host")]
    [InlineData("host:5672")]
    [InlineData("amqp://")]
    [InlineData("")]
    public void Another_URL_is_refused(string url)
    {
        var error = Assert.Throws<FleetException>(() => FleetAddress.Parse(url, _ => null));

        Assert.True(error.IsRefused);
        Assert.StartsWith("The queue's URL must be such as amqp://host:5672/vhost", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_URL_both_ways_to_give_one_are_named() => Assert.Equal(
        "There is no queue; give --queue amqp://HOST, or set SJD_QUEUE.",
        Assert.Throws<FleetException>(() => FleetAddress.Parse(null, _ => null)).Message);

    [Fact]
    public void A_certificate_authority_that_cannot_be_read_is_named()
    {
        string file = Path.GetTempFileName();
        foreach (string path in (string[])[file, file + ".none"])
        {
            var error = Assert.Throws<FleetException>(
                () => FleetAddress.Parse("amqps://host", name => name == "SJD_QUEUE_CA" ? path : null));
            Assert.StartsWith($"SJD_QUEUE_CA '{path}' cannot be read: ", error.Message, StringComparison.Ordinal);
        }

        File.Delete(file);
    }
}
