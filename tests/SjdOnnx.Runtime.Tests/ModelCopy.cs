using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// A copy of a model folder that a test may damage. All copies of one process share graphs and weights by hard links, if the system has
/// them: a test that changes such a file uses <see cref="OwnFile"/> or <see cref="Replace"/>.
/// </summary>
internal sealed class ModelCopy : IDisposable
{
    private const int MaxCopiedBytes = 1 << 15;

    /// <summary>One copy of each model for the whole process, by the original's folder: links to it cannot harm the repository.</summary>
    private static readonly ConcurrentDictionary<string, Lazy<string>> Shared = [];

    /// <param name="of">The model's folder; null for the test model.</param>
    public ModelCopy(string? of = null)
    {
        string shared = Shared.GetOrAdd(of ?? TestModel.Folder!, original => new Lazy<string>(() => Copy(original))).Value;
        Folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
        foreach (string file in Directory.GetFiles(shared))
        {
            string path = PathOf(Path.GetFileName(file));
            if (new FileInfo(file).Length <= MaxCopiedBytes || OperatingSystem.IsWindows() || !Link(file, path))
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

    /// <summary>Replaces a file, and its hash and length in model.json.</summary>
    public void Replace(string name, byte[] bytes)
    {
        File.Delete(PathOf(name));
        File.WriteAllBytes(PathOf(name), bytes);
        Edit(manifest =>
        {
            JsonObject file = manifest["files"]![name]!.AsObject();
            (file["sha256"], file["bytes"]) = (Convert.ToHexStringLower(SHA256.HashData(bytes)), bytes.Length);
        });
    }

    /// <summary>Replaces a hard link by a copy of the file.</summary>
    /// <returns>Its path.</returns>
    public string OwnFile(string name)
    {
        string path = PathOf(name);
        File.Copy(path, path + ".own");
        File.Move(path + ".own", path, overwrite: true);
        return path;
    }

    /// <summary>Loads the folder at a precision, which must fail.</summary>
    /// <returns>The message.</returns>
    public string LoadFails(Precision precision)
    {
        var options = new TextToImageOptions { Precision = precision, Threads = 1 };
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(Folder, options).Dispose());
        Messages.AssertReadable(error);
        return error.Message;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string Copy(string original)
    {
        string copy = Directory.CreateDirectory(Path.Combine(TestCache.Folder, "models", Path.GetRandomFileName())).FullName;
        foreach (string file in Directory.GetFiles(original))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    private static bool Link(string existing, string path) => Link(Terminated(existing), Terminated(path)) == 0;

    private static byte[] Terminated(string path) => [.. Encoding.UTF8.GetBytes(path), 0];

    [DllImport("libc", EntryPoint = "link")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(byte[] existing, byte[] path);
}
