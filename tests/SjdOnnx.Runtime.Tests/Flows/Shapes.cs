using SjdOnnx.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

/// <summary>The flow that the repository holds, onnx-models/shapes, loaded once.</summary>
public sealed class Shapes : IAsyncLifetime
{
    public static string Folder { get; } = Find();

    internal FlowModel Model { get; private set; } = null!;

    /// <summary>Samples of two classes, one token after another, without denoising.</summary>
    internal IReadOnlyList<FlowSample> Sequential { get; private set; } = null!;

    internal static FlowOptions Options(int index, FlowPlan? plan = null) => new()
    {
        Class = index,
        Index = (uint)index,
        Seed = 5,
        Denoising = 0,
        Plan = plan ?? FlowPlan.Sequential(4),
    };

    public async Task InitializeAsync()
    {
        Model = await FlowModel.LoadAsync(Folder);
        Sequential = [await Model.SampleAsync(Options(0)), await Model.SampleAsync(Options(1))];
    }

    public async Task DisposeAsync() => await Model.DisposeAsync();

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "onnx-models", "shapes", "model.json")))
            folder = folder.Parent;
        return Path.Combine(folder!.FullName, "onnx-models", "shapes");
    }
}
