namespace SjdOnnx.Runtime.Tests;

public class ProviderTests
{
    [Fact]
    public void An_unknown_provider_is_refused_with_those_there_are()
    {
        var error = Assert.Throws<ProviderException>(() => TextToImage.Load(".", new TextToImageOptions { Provider = "abacus" }));
        Messages.AssertReadable(error);
        Assert.Contains("'abacus'", error.Message, StringComparison.Ordinal);
        Assert.Contains("cpu, cuda, tensorrt, dml", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The packages the tests run with have the CPU provider only.</summary>
    [ModelTheory]
    [InlineData("cuda")]
    [InlineData("tensorrt")]
    [InlineData("dml")]
    public void A_provider_that_is_not_available_is_an_error_and_never_replaced(string provider)
    {
        var error = Assert.Throws<ProviderException>(() => TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Provider = provider }).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains($"'{provider}' is not available here", error.Message, StringComparison.Ordinal);
        Assert.Contains("choose the provider cpu", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_negative_number_of_threads_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new TextToImageOptions { Threads = -1 });
}
