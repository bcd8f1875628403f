using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using SjdOnnx.Runtime.Machine;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Model;

/// <summary>The files of a model folder that are needed. They are present in full length.</summary>
internal sealed class ModelFiles
{
    /// <summary>The largest model.json in bytes. That of a model with many sizes has about ten thousand.</summary>
    private const int MaxManifestBytes = 1 << 24;

    private readonly string _folder;
    private readonly Dictionary<string, FileSection> _sections;
    private readonly SortedSet<string> _needed = new(StringComparer.Ordinal);

    /// <param name="folder">The model folder.</param>
    /// <param name="sections">All files that model.json names.</param>
    /// <param name="needed">Names of the files that are needed; the files with a graph's weights come with it.</param>
    /// <exception cref="ModelException">A file is not there or has another length than model.json says.</exception>
    public ModelFiles(string folder, Dictionary<string, FileSection> sections, IEnumerable<string> needed)
    {
        (_folder, _sections) = (folder, sections);
        foreach (string name in needed)
        {
            RequireFile(name);
            _needed.Add(name);
            foreach (string weights in sections[name].Weights)
            {
                RequireFile(weights);
                RequireReachable(weights, graph: name);
                _needed.Add(weights);
            }
        }
    }

    /// <summary>Reads a folder's model.json.</summary>
    /// <exception cref="ModelException">There is no such folder or file, or it cannot be read.</exception>
    public static byte[] ReadManifest(string folder)
    {
        string path = Path.Combine(folder, ManifestReader.FileName);
        if (!Directory.Exists(folder))
            throw new ModelException(
                $"There is no model folder '{folder}'. Give the path of a folder that holds {ManifestReader.FileName}.");
        if (!Path.Exists(path))
            throw new ModelException(
                $"The folder '{folder}' has no {ManifestReader.FileName}, so it is not a model. Give the folder that the exporter wrote.");
        return ReadPath(path, MaxManifestBytes);
    }

    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Reads a whole file.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="most">The most bytes that it may have.</param>
    /// <exception cref="ModelException">It is empty, too large, or cannot be read.</exception>
    public byte[] Read(string name, int most) => ReadPath(PathOf(name), most);

    /// <summary>Compares the files with the hashes in model.json, as the options say.</summary>
    /// <exception cref="ModelException">The hash of a file differs from the one in model.json.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public void VerifyHashes(ModelLoadOptions options, CancellationToken cancellation) => VerifyHashes(
        options.HashVerification, CacheFolder.Find(options.CacheFolder, Environment.GetEnvironmentVariable), progress: null, cancellation);

    /// <summary>Compares the files with the hashes in model.json. This takes about 1 s for 1.5 GB.</summary>
    /// <param name="verification">Whether to skip files that have not changed since their hash was last compared.</param>
    /// <param name="cache">The cache folder, which remembers those files; null for none.</param>
    /// <param name="progress">Called with the bytes compared and the bytes to compare.</param>
    /// <param name="cancellation">Checked about every megabyte.</param>
    /// <exception cref="ModelException">The hash of a file differs from the one in model.json.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public void VerifyHashes(
        HashVerification verification, string? cache, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        if (verification == HashVerification.None)
            return;
        var verified = new VerifiedFiles(cache, _folder);
        Dictionary<string, VerifiedFile> files = verified.Read();
        (long done, long total) = (0, _needed.Sum(name => _sections[name].Bytes));
        bool changed = false;
        foreach (string name in _needed)
        {
            using SafeFileHandle handle = OpenRead(PathOf(name));
            string expected = _sections[name].Sha256;
            (long bytes, long time) = (RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle).Ticks);
            bool isKnown = files.TryGetValue(name, out VerifiedFile? known)
                && known.Bytes == bytes && known.Changed == time && IsSame(known.Sha256, expected);
            if (isKnown && verification == HashVerification.Once)
            {
                total -= _sections[name].Bytes;
                continue;
            }

            string actual = Sha256Of(handle, read => progress?.Invoke(done += read, total), cancellation);
            if (!IsSame(actual, expected))
            {
                if (isKnown && files.Remove(name)) // the file has changed, but neither its length nor its time has
                    verified.Write(files);
                throw new ModelException(
                    $"{name} is not the file model.json describes: its SHA-256 is {actual[..12]}…, not {expected[..12]}…. " +
                    ModelException.Remedy);
            }

            files[name] = new VerifiedFile(bytes, time, actual);
            changed = true;
        }

        if (changed)
            verified.Write(files);

        static bool IsSame(string hash, string other) => string.Equals(hash, other, StringComparison.OrdinalIgnoreCase);
    }

    private static string Sha256Of(SafeFileHandle file, Action<int> read, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        long position = 0;
        int count;
        while ((count = RandomAccess.Read(file, buffer, position)) > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, count);
            position += count;
            read(count);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void RequireFile(string name)
    {
        string path = PathOf(name);
        if (!Path.Exists(path))
            throw new ModelException($"The model folder has no {name}, which model.json names. {ModelException.Remedy}");

        (long actual, long expected) = (Length(path), _sections[name].Bytes);
        if (actual != expected)
        {
            string kind = actual == 0 ? " It is empty, or is not a regular file." : "";
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} has {actual:N0} bytes; model.json says {expected:N0}.{kind} {ModelException.Remedy}"));
        }
    }

    /// <summary>
    /// ONNX Runtime reads weights only from the folder of the graph. If the graph is a link, as in the cache of a model hub, it also
    /// accepts the folder that the link leads to.
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

    /// <summary>The path without symbolic links among its folders.</summary>
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

    private static byte[] ReadPath(string path, int most)
    {
        // The length comes first, because opening a pipe would wait for a writer.
        long length = Length(path);
        if (length == 0)
            throw new ModelException($"{path} is empty, or is not a regular file. {ModelException.Remedy}");
        if (length > most)
        {
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture,
                $"{path} is too large: it has {length:N0} bytes, and at most {most:N0} are read. {ModelException.Remedy}"));
        }
        using SafeFileHandle file = OpenRead(path);
        var bytes = new byte[length];
        if (RandomAccess.GetLength(file) != length || RandomAccess.Read(file, bytes, 0) != length)
            throw new ModelException($"{path} changed while it was read. {ModelException.Remedy}");
        return bytes;
    }

    /// <summary>Length in bytes of a file, or of the file that a symbolic link leads to. Pipes and devices have 0.</summary>
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

    /// <summary>The target of a symbolic link; null if the path is not a link.</summary>
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
