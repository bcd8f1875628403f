namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// The model at its default precision on one thread, loaded once for all test classes of the collection, which take turns.
/// </summary>
public sealed class LoadedTestModel : IDisposable
{
    private readonly Lazy<TextToImage> _model = new(() => TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Threads = 1 }));

    public TextToImage Model => _model.Value;

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
    }
}

[CollectionDefinition(Name)]
public sealed class UsesLoadedModel : ICollectionFixture<LoadedTestModel>
{
    public const string Name = "the loaded model";
}
