namespace SjdOnnx.Runtime.Tests;

public class ExecutionProviderTests
{
    [Theory]
    [InlineData("cpu", ExecutionProvider.Cpu)]
    [InlineData("cuda", ExecutionProvider.Cuda)]
    [InlineData("tensorrt", ExecutionProvider.TensorRt)]
    [InlineData("dml", ExecutionProvider.DirectMl)]
    public void A_provider_is_read_from_the_name_that_it_is_printed_as(string name, ExecutionProvider provider)
    {
        Assert.Equal(provider, ExecutionProviders.Parse(name));
        Assert.Equal(name, provider.Name());
    }

    [Fact]
    public void Every_provider_has_a_name() =>
        Assert.Equal(Enum.GetValues<ExecutionProvider>().Select(provider => provider.Name()), ExecutionProviders.Names);

    [Theory]
    [InlineData("abacus")]
    [InlineData("CPU")]
    [InlineData("")]
    [InlineData(null)]
    public void An_unknown_name_of_a_provider_is_refused_and_all_names_are_listed(string? name)
    {
        Assert.False(ExecutionProviders.TryParse(name, out _));
        var error = Assert.Throws<FormatException>(() => ExecutionProviders.Parse(name!));
        Messages.AssertReadable(error);
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("cpu, cuda, tensorrt, dml", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The tests run with ONNX Runtime's package for the CPU.</summary>
    [ModelTheory]
    [InlineData(ExecutionProvider.Cuda)]
    [InlineData(ExecutionProvider.TensorRt)]
    [InlineData(ExecutionProvider.DirectMl)]
    public void A_provider_that_is_not_available_is_an_error_and_never_replaced(ExecutionProvider provider)
    {
        var error = Assert.Throws<ProviderException>(() =>
            TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Provider = provider }).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains($"'{provider.Name()}' is not available here", error.Message, StringComparison.Ordinal);
        Assert.Contains("choose the provider cpu", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void A_provider_outside_of_the_enumeration_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Provider = (ExecutionProvider)17 }).Dispose());
}
