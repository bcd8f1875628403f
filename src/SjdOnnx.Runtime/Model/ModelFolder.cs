using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using SjdOnnx.Runtime.Tokenizers;

namespace SjdOnnx.Runtime.Model;

/// <summary>A model folder whose manifest is read and whose files, as far as one precision needs them, are there in full.</summary>
internal sealed class ModelFolder
{
    /// <summary>How every sentence about a bad folder ends.</summary>
    public const string Remedy = "Export the model again, or copy the folder again from where it came.";

    /// <summary>The largest model.json; that of a model with many sizes has some ten thousand.</summary>
    private const int MostManifestBytes = 1 << 24;

    private readonly string _folder;
    private readonly SortedSet<string> _needed;

    private ModelFolder(string folder, Manifest manifest, string precision, string hash)
    {
        _folder = folder;
        Manifest = manifest;
        Precision = precision;
        Hash = hash;
        _needed = NeededFiles();
    }

    public Manifest Manifest { get; }

    /// <summary>One of the manifest's precisions.</summary>
    public string Precision { get; }

    /// <summary>
    /// SHA-256 of model.json in lower-case hex. It holds the hashes of all other files, so it names the model's very bytes.
    /// </summary>
    public string Hash { get; }

    /// <summary>Null where there is no text encoder.</summary>
    public string? TextEncoderGraph => Manifest.TextEncoder is { } encoder ? PathOf(encoder.Graph) : null;

    public string ImageGraph => PathOf(Manifest.Image.Graph);

    /// <summary>
    /// Opens a folder and checks that the files <paramref name="precision"/> needs are there with their full length.
    /// Their hashes are left to <see cref="VerifyHashes"/>.
    /// </summary>
    /// <param name="precision">Null for the model's default.</param>
    /// <exception cref="ModelException">There is no such folder, or it does not hold what its model.json says.</exception>
    public static ModelFolder Open(string folder, string? precision)
    {
        string path = Path.Combine(folder, ManifestReader.FileName);
        if (!Directory.Exists(folder))
            throw new ModelException(
                $"There is no model folder '{folder}'. Give the path of a folder that holds {ManifestReader.FileName}.");
        if (!Path.Exists(path))
            throw new ModelException(
                $"The folder '{folder}' has no {ManifestReader.FileName}, so it is not a model. Give the folder that the exporter wrote.");

        byte[] json = Read(path, MostManifestBytes);
        Manifest manifest = ManifestReader.Read(json);
        precision ??= manifest.Transformer.DefaultPrecision;
        if (!manifest.Transformer.Precisions.ContainsKey(precision))
        {
            throw new ModelException($"The model '{manifest.Name}' has no precision '{precision}'; it has " +
                $"{string.Join(", ", manifest.Transformer.Precisions.Keys)}. Choose one of these, or export the model at '{precision}'.");
        }
        return new ModelFolder(folder, manifest, precision, Convert.ToHexStringLower(SHA256.HashData(json)));
    }

    /// <summary>Null where a prompt is not text.</summary>
    /// <exception cref="ModelException">A file of the tokenizer is damaged, too large or of another kind.</exception>
    public TextTokenizer? OpenTokenizer() =>
        Manifest.Tokenizer is { } section ? TextTokenizer.Open(section, name => Read(PathOf(name), TextTokenizer.MaxFileBytes)) : null;

    /// <summary>Path of the transformer's graph for so many pictures, or for one whose tokens form trees.</summary>
    public string TransformerGraph(int pictures, bool tree) =>
        PathOf(tree ? Manifest.Transformer.Precisions[Precision].Tree! : GraphOf(pictures));

    /// <summary>SHA-256, as model.json has it, of the transformer's graph for so many pictures.</summary>
    public string TransformerHash(int pictures) => Manifest.Files[GraphOf(pictures)].Sha256;

    /// <summary>Compares the files that are needed with the hashes in model.json: about 1 s for 1.5 GB.</summary>
    /// <param name="verification">Whether files that have not changed since their hash was computed are left out.</param>
    /// <param name="cache">The cache folder, which remembers that; null for none.</param>
    /// <exception cref="ModelException">A file has other bytes than model.json says.</exception>
    public void VerifyHashes(HashVerification verification, string? cache)
    {
        if (verification == HashVerification.None)
            return;
        var verified = new VerifiedFiles(cache, _folder);
        Dictionary<string, VerifiedFile> files = verified.Read();
        bool changed = false;
        foreach (string name in _needed)
        {
            using SafeFileHandle handle = OpenRead(PathOf(name));
            string expected = Manifest.Files[name].Sha256;
            (long bytes, long time) = (RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle).Ticks);
            bool isKnown = files.TryGetValue(name, out VerifiedFile? known)
                && known.Bytes == bytes && known.Changed == time && IsSame(known.Sha256, expected);
            if (isKnown && verification == HashVerification.Once)
                continue;
            using var stream = new FileStream(handle, FileAccess.Read, bufferSize: 1 << 20);
            string actual = Convert.ToHexStringLower(SHA256.HashData(stream));
            if (!IsSame(actual, expected))
            {
                if (isKnown && files.Remove(name)) // its change showed neither in size nor in time
                    verified.Write(files);
                throw new ModelException(
                    $"{name} is not the file model.json describes: its SHA-256 is {actual[..12]}…, not {expected[..12]}…. {Remedy}");
            }
            files[name] = new VerifiedFile(bytes, time, actual);
            changed = true;
        }
        if (changed)
            verified.Write(files);

        static bool IsSame(string hash, string other) => string.Equals(hash, other, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The graphs, those of batches and trees among them, and the files of their weights.</summary>
    private SortedSet<string> NeededFiles()
    {
        var needed = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string file in Manifest.Tokenizer?.Files ?? [])
        {
            RequireFile(file);
            needed.Add(file);
        }

        foreach (string graph in Manifest.Transformer.Precisions[Precision].Graphs.Concat(Manifest.OtherGraphs))
        {
            RequireFile(graph);
            needed.Add(graph);
            foreach (string weights in Manifest.Files[graph].Weights)
            {
                RequireFile(weights);
                RequireReachable(weights, graph);
                needed.Add(weights);
            }
        }
        return needed;
    }

    private void RequireFile(string name)
    {
        string path = PathOf(name);
        if (!Path.Exists(path))
            throw new ModelException($"The model folder has no {name}, which model.json names. {Remedy}");

        (long actual, long expected) = (Length(path), Manifest.Files[name].Bytes);
        if (actual != expected)
        {
            string kind = actual == 0 ? " It is empty, or is not a regular file." : "";
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture, $"{name} has {actual:N0} bytes; model.json says {expected:N0}.{kind} {Remedy}"));
        }
    }

    /// <summary>
    /// ONNX Runtime reads weights from the graph's folder alone. Where the graph is a link, as in the cache of a hub, that is also the
    /// folder that the link leads to.
    /// </summary>
    private void RequireReachable(string weights, string graph)
    {
        if (Target(PathOf(weights)) is not FileSystemInfo target)
            return;
        string file = Real(target.FullName);
        List<string> folders = [Real(Path.GetFullPath(_folder))];
        if (Target(PathOf(graph)) is FileSystemInfo linked)
            folders.Add(Path.GetDirectoryName(Real(linked.FullName))!);
        if (!folders.Any(folder => file.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)))
        {
            throw new ModelException(
                $"{weights} is a symbolic link to {target.FullName}, and ONNX Runtime reads weights from the model folder alone. Put " +
                "the file itself there in place of the link, or a hard link to it.");
        }
    }

    private string GraphOf(int pictures)
    {
        PrecisionSection graphs = Manifest.Transformer.Precisions[Precision];
        return pictures == 1 ? graphs.Graph : graphs.Batches[pictures];
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>A path with the symbolic links among its folders followed.</summary>
    private static string Real(string path)
    {
        string real = Path.GetPathRoot(path)!;
        foreach (string part in path[real.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            real = Path.Combine(real, part);
            real = new DirectoryInfo(real).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? real;
        }
        return real;
    }

    private static byte[] Read(string path, int most)
    {
        // Before it is opened: opening a pipe waits for a writer.
        long length = Length(path);
        if (length == 0)
            throw new ModelException($"{path} is empty, or is not a regular file. {Remedy}");
        if (length > most)
        {
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture,
                $"{path} is too large: it has {length:N0} bytes, and at most {most:N0} are read. {Remedy}"));
        }
        using SafeFileHandle file = OpenRead(path);
        var bytes = new byte[length];
        if (RandomAccess.GetLength(file) != length || RandomAccess.Read(file, bytes, 0) != length)
            throw new ModelException($"{path} changed while it was read. {Remedy}");
        return bytes;
    }

    /// <summary>Bytes of a file, or of the file that a symbolic link leads to. Pipes and devices have 0.</summary>
    private static long Length(string path)
    {
        try
        {
            return (Target(path) as FileInfo ?? new FileInfo(path)).Length;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error);
        }
    }

    /// <summary>Where a symbolic link leads; null where the path is none.</summary>
    private static FileSystemInfo? Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error);
        }
    }

    private static SafeFileHandle OpenRead(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error);
        }
    }

    private static ModelException Unreadable(string path, Exception error) =>
        new($"{path} cannot be read: {Sentence.Of(error)} Check the file and its permissions.", error);
}
