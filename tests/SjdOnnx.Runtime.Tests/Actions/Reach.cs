using SjdOnnx.Actions;

namespace SjdOnnx.Runtime.Tests.Actions;

/// <summary>The policy that the repository holds, onnx-models/reach, loaded once.</summary>
public sealed class Reach : IAsyncLifetime
{
    public static string Folder { get; } = TestModel.InRepository("reach")
        ?? throw new DirectoryNotFoundException("There is no onnx-models/reach above the tests; run them in the repository.");

    internal PolicyModel Model { get; private set; } = null!;

    public static Task<PolicyModel> LoadAsync(string? folder = null) =>
        PolicyModel.LoadAsync(folder ?? Folder, new PolicyLoadOptions { Threads = 1, CacheFolder = "" });

    /// <summary>A table of a seed as the policy sees it.</summary>
    internal static (RgbImage Picture, string Instruction) See(uint episode)
    {
        BlockTable table = BlockTable.Random(11, episode);
        return (new RgbImage(BlockTable.Side, BlockTable.Side, table.Draw()), table.Instruction);
    }

    public async Task InitializeAsync() => Model = await LoadAsync();

    public Task DisposeAsync()
    {
        Model.Dispose();
        return Task.CompletedTask;
    }
}
