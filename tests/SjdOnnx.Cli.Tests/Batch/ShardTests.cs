using SjdOnnx.Cli.Batch;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class ShardTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 3)]
    [InlineData(3, 8)]
    public void Every_image_belongs_to_one_shard(int images, int count)
    {
        Shard[] shards = [.. Enumerable.Range(1, count).Select(number => new Shard(number, count))];

        Assert.All(Enumerable.Range(0, images), index => Assert.Single(shards, shard => shard.Has(index)));
    }

    [Fact]
    public void A_number_and_a_count_are_read()
    {
        Assert.True(Shard.TryParse("2/8", out Shard? shard));
        Assert.Equal(new Shard(2, 8), shard);
        Assert.Equal("2/8", shard!.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("2")]
    [InlineData("0/8")]
    [InlineData("9/8")]
    [InlineData("1/0")]
    [InlineData("-1/8")]
    [InlineData("1/2/3")]
    [InlineData("1/9999999")]
    [InlineData("a/b")]
    public void Anything_else_is_not(string text) => Assert.False(Shard.TryParse(text, out _));
}
