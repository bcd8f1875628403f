using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// The model that the tests run: onnx-models/emoji of this repository, or the folder that the environment variable SJDONNX_TEST_MODEL names
/// (any exported model with the precision fp32, for example one of random weights).
/// </summary>
internal static class TestModel
{
    public const string Variable = "SJDONNX_TEST_MODEL";

    private const string DenoisingVariable = "SJDONNX_DENOISING_TEST_MODEL";
    private const string BuiltIn = "emoji";

    /// <summary>Null if there is no model.</summary>
    public static string? Folder { get; } = Find(Variable, BuiltIn);

    /// <summary>Whether <see cref="Folder"/> is the built-in model.</summary>
    public static bool IsBuiltIn { get; } = Folder is { } folder
        && (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "model.json")))!["name"] == BuiltIn;

    /// <summary>A model that was fine-tuned to read noise: onnx-models/emoji-sjd2, or the variable's. Null if there is none.</summary>
    public static string? DenoisingFolder { get; } = Find(DenoisingVariable, "emoji-sjd2");

    private static string? Find(string variable, string name) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } folder ? folder : InRepository(name);

    /// <summary>A model of this repository; null if it is not there.</summary>
    public static string? InRepository(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string model = Path.Combine(folder.FullName, "onnx-models", name);
            if (File.Exists(Path.Combine(model, "model.json")))
                return model;
        }
        return null;
    }
}

/// <summary>A test that needs files, links or variables that only Unix has; skipped elsewhere.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "It needs files, links or variables that only Unix has." : null;
}

/// <summary>A test that needs a model; skipped if there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ModelFactAttribute : FactAttribute
{
    public ModelFactAttribute()
    {
        if (TestModel.Folder is null && Environment.GetEnvironmentVariable("CI") is null)
            Skip = $"There is no onnx-models/emoji, and {TestModel.Variable} names no other model.";
    }

    /// <summary>Whether the test needs what only Unix has.</summary>
    public bool UnixOnly
    {
        get => field;
        set
        {
            field = value;
            if (value && OperatingSystem.IsWindows())
                Skip = new UnixFactAttribute().Skip;
        }
    }

    /// <summary>Whether the test states what the built-in model draws, so that another model need not pass it.</summary>
    public bool BuiltInOnly
    {
        get => field;
        set
        {
            field = value;
            if (value && TestModel.Folder is not null && !TestModel.IsBuiltIn)
                Skip = $"It states what the built-in model draws, and {TestModel.Variable} names another model.";
        }
    }
}

/// <inheritdoc cref="ModelFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ModelTheoryAttribute : TheoryAttribute
{
    public ModelTheoryAttribute() => Skip = new ModelFactAttribute().Skip;
}

/// <summary>A test that needs a model that reads noise; skipped if there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DenoisingFactAttribute : FactAttribute
{
    public DenoisingFactAttribute()
    {
        if (TestModel.DenoisingFolder is null && Environment.GetEnvironmentVariable("CI") is null)
            Skip = "There is no onnx-models/emoji-sjd2.";
    }
}

/// <inheritdoc cref="DenoisingFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DenoisingTheoryAttribute : TheoryAttribute
{
    public DenoisingTheoryAttribute() => Skip = new DenoisingFactAttribute().Skip;
}
