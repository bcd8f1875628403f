namespace SjdOnnx.Runtime.Tests.Thoughts;

/// <summary>The model onnx-models/sums of this repository, which answers sums modulo 7.</summary>
internal static class ThoughtTestModel
{
    private static readonly ModelLoadOptions Options = new() { Threads = 1, CacheFolder = "" };

    /// <summary>Null if there is no such folder.</summary>
    public static string? Folder { get; } =
        TestModel.InRepository("sums");

    public static Task<ThoughtModel> LoadAsync(string? folder = null) => ThoughtModel.LoadAsync(folder ?? Folder!, Options);

    /// <summary>Loads a folder, which must fail with a sentence.</summary>
    /// <returns>The message.</returns>
    public static async Task<string> LoadFailsAsync(string folder)
    {
        var error = await Assert.ThrowsAsync<ModelException>(async () => (await LoadAsync(folder)).Dispose());
        Messages.AssertReadable(error);
        return error.Message;
    }
}

/// <summary>A test that needs the model that answers questions; skipped if there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ThoughtFactAttribute : FactAttribute
{
    public ThoughtFactAttribute()
    {
        if (ThoughtTestModel.Folder is null && Environment.GetEnvironmentVariable("CI") is null)
            Skip = "There is no onnx-models/sums.";
    }
}

/// <inheritdoc cref="ThoughtFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ThoughtTheoryAttribute : TheoryAttribute
{
    public ThoughtTheoryAttribute() => Skip = new ThoughtFactAttribute().Skip;
}
