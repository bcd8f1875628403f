using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// The model the tests run: onnx-models/emoji of this repository, or the folder that the environment variable SJDONNX_TEST_MODEL names
/// (any exported model with the precision fp32, for instance one of random weights).
/// </summary>
internal static class TestModel
{
    public const string Variable = "SJDONNX_TEST_MODEL";

    private const string DenoisingVariable = "SJDONNX_DENOISING_TEST_MODEL";

    /// <summary>Null where there is no model.</summary>
    public static string? Folder { get; } = Find(Variable, "emoji");

    /// <summary>A model that was fine-tuned to read noise: onnx-models/emoji-sjd2, or what the variable names. Null where there is none.</summary>
    public static string? DenoisingFolder { get; } = Find(DenoisingVariable, "emoji-sjd2");

    private static string? Find(string variable, string name) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } folder ? folder : InRepository(name);

    private static string? InRepository(string name)
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

/// <summary>A test that needs a model; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ModelFactAttribute : FactAttribute
{
    /// <summary>Whether the test needs what Unix alone has.</summary>
    public bool UnixOnly
    {
        get => field;
        set
        {
            field = value;
            if (value && OperatingSystem.IsWindows())
                Skip = "It needs files or variables that only Unix has.";
        }
    }

    public ModelFactAttribute()
    {
        if (TestModel.Folder is null && Environment.GetEnvironmentVariable("CI") is null)
            Skip = $"There is no onnx-models/emoji, and {TestModel.Variable} names no other model.";
    }
}

/// <inheritdoc cref="ModelFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ModelTheoryAttribute : TheoryAttribute
{
    public ModelTheoryAttribute() => Skip = new ModelFactAttribute().Skip;
}

/// <summary>A test that needs a model which reads noise; skipped where there is none.</summary>
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

/// <summary>
/// A copy of the model folder, to be spoilt. Large files are hard links where the system has them: a test that changes one takes
/// <see cref="OwnFile"/> or <see cref="Replace"/>.
/// </summary>
internal sealed class ModelCopy : IDisposable
{
    private const int LargestCopied = 1 << 20;

    public ModelCopy(string? of = null)
    {
        Folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
        foreach (string file in Directory.GetFiles(of ?? TestModel.Folder!))
        {
            string path = PathOf(Path.GetFileName(file));
            if (new FileInfo(file).Length <= LargestCopied || OperatingSystem.IsWindows() || !Link(file, path))
                File.Copy(file, path);
        }
    }

    public string Folder { get; }

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Changes model.json.</summary>
    public void Edit(Action<JsonObject> change)
    {
        JsonObject manifest = JsonNode.Parse(File.ReadAllText(PathOf("model.json")))!.AsObject();
        change(manifest);
        File.WriteAllText(PathOf("model.json"), manifest.ToJsonString());
    }

    /// <summary>Gives a file other bytes and model.json the hash and length of those.</summary>
    public void Replace(string name, byte[] bytes)
    {
        File.Delete(PathOf(name));
        File.WriteAllBytes(PathOf(name), bytes);
        Edit(manifest => manifest["files"]![name] = new JsonObject
        {
            ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)),
            ["bytes"] = bytes.Length,
        });
    }

    /// <summary>Makes a file the copy's own.</summary>
    /// <returns>Its path.</returns>
    public string OwnFile(string name)
    {
        string path = PathOf(name);
        File.Copy(path, path + ".own");
        File.Move(path + ".own", path, overwrite: true);
        return path;
    }

    public string LoadFails(string precision = "fp32")
    {
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(Folder, new TextToImageOptions { Precision = precision, Threads = 1 }).Dispose());
        Messages.AssertReadable(error);
        return error.Message;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static bool Link(string existing, string path) => Link(Terminated(existing), Terminated(path)) == 0;

    private static byte[] Terminated(string path) => [.. Encoding.UTF8.GetBytes(path), 0];

    [DllImport("libc", EntryPoint = "link")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(byte[] existing, byte[] path);
}

internal static class Messages
{
    /// <summary>A few lines of prose: no stack trace, no type names, an end.</summary>
    public static void AssertReadable(Exception error)
    {
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", error.Message, StringComparison.Ordinal);
        Assert.Matches("[.)]$", error.Message);
        Assert.InRange(error.Message.Length, 20, 500);
    }
}
