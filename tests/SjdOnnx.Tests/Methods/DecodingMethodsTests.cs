using SjdOnnx.Methods;

namespace SjdOnnx.Tests.Methods;

public sealed class DecodingMethodsTests
{
    [Fact]
    public void A_method_bears_the_name_it_is_made_by() =>
        Assert.All(DecodingMethods.Names, name => Assert.Equal(name, DecodingMethods.Create(name).Name));

    [Fact]
    public void An_unknown_name_is_answered_with_the_known_ones()
    {
        var method = Assert.Throws<ArgumentException>(() => DecodingMethods.Create("SJD"));
        Assert.Contains("'SJD'; choose one of ar, exact, gumbel, jacobi, mc, pac, sjd.", method.Message, StringComparison.Ordinal);

        var initialisation = Assert.Throws<ArgumentException>(() => Initialisation.Named("left"));
        Assert.Contains(
            "'left'; choose one of uniform, repeat-left, sample-left, repeat-above.", initialisation.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1025)]
    public void A_window_has_limits(int size)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new DecodingOptions { WindowSize = size });
        Assert.Contains("between 0 and 1024", error.Message, StringComparison.Ordinal);
    }
}
