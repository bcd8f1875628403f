using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Batch;

/// <summary>
/// The results of a folder's images: one JSON object on a line, each stored by the disk before the next image counts as finished. While it
/// is open, no other process can open it.
/// </summary>
internal sealed partial class ResultsFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _file;
    private readonly Lock _lock = new();

    private ResultsFile(string path, FileStream file) => (_path, _file) = (path, file);

    /// <summary>What the file of a folder is called: results.jsonl, or results-2-of-8.jsonl for a shard.</summary>
    public static string NameOf(Shard shard) => shard.IsWhole
        ? "results.jsonl"
        : string.Create(CultureInfo.InvariantCulture, $"results-{shard.Number}-of-{shard.Count}.jsonl");

    /// <summary>Opens the file of a folder, or creates it. The rest of a line that a crash left at its end is cut off.</summary>
    /// <param name="folder">Must exist.</param>
    /// <param name="name">From <see cref="NameOf"/>, or another one that begins with results.</param>
    /// <exception cref="CommandException">It cannot be written, or another process has it open.</exception>
    public static ResultsFile Open(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        try
        {
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            file.SetLength(EndOfLastLine(file));
            file.Seek(0, SeekOrigin.End);
            DurableFile.FlushFolder(Path.GetFullPath(folder));
            return new ResultsFile(path, file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw IsLocked(error) ? InUse(path, error) : OutputFile.Unwritable(path, error);
        }
    }

    /// <summary>The results that are in the file, the last one for each file name.</summary>
    public Dictionary<string, ImageResult> Read()
    {
        _file.Seek(0, SeekOrigin.Begin);
        using var reader = new StreamReader(_file, leaveOpen: true);
        Dictionary<string, ImageResult> results = Read(_path, reader);
        _file.Seek(0, SeekOrigin.End);
        return results;
    }

    /// <summary>The results in the folder's other files: those of shards and workers.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="own">The name of the file that is open.</param>
    /// <param name="shard">The other shards of its division have other images, so their files are left out, and may be open.</param>
    /// <exception cref="CommandException">Another process draws images of the same folder.</exception>
    public static Dictionary<string, ImageResult> ReadOthers(string folder, string own, Shard shard)
    {
        var results = new Dictionary<string, ImageResult>();
        foreach (string path in Directory.EnumerateFiles(folder, "results*.jsonl").Order(StringComparer.Ordinal))
        {
            Match division = ShardName().Match(Path.GetFileName(path));
            bool isSibling = !shard.IsWhole && division.Groups[1].Value == shard.Count.ToString(CultureInfo.InvariantCulture);
            if (Path.GetFileName(path) == own || isSibling)
                continue;

            try
            {
                using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
                foreach ((string name, ImageResult result) in Read(path, reader))
                    results[name] = result;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw IsLocked(error)
                    ? InUse(path, error)
                    : new CommandException(ExitCode.Input, $"'{path}' cannot be read: {error.Message.TrimEnd('.')}.", error);
            }
        }

        return results;
    }

    /// <summary>Adds a line, and returns when the disk has stored it. Several threads may call it at once.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public void Add(ImageResult result)
    {
        lock (_lock)
        {
            try
            {
                _file.Write(Encoding.UTF8.GetBytes(result.ToJson() + "\n"));
                _file.Flush(flushToDisk: true);
            }
            catch (IOException error)
            {
                throw OutputFile.Unwritable(_path, error);
            }
        }
    }

    /// <summary>Closes the file and writes it anew, in the order of the images.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public void CloseWith(IEnumerable<ImageResult> results)
    {
        string text = string.Concat(results.OrderBy(result => result.Index).Select(result => result.ToJson() + "\n"));
        Dispose();
        DurableFile.Write(_path, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Closes the file. One without a result is removed.</summary>
    public void Dispose()
    {
        bool isEmpty = _file.CanRead && _file.Length == 0;
        _file.Dispose();
        if (isEmpty)
            OutputFile.Remove(_path);
    }

    private static Dictionary<string, ImageResult> Read(string path, StreamReader reader)
    {
        var results = new Dictionary<string, ImageResult>();
        string text = reader.ReadToEnd();
        string[] lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                var result = ImageResult.FromJson(lines[i]);
                results[result.File] = result;
            }
            catch (JsonException error)
            {
                throw new CommandException(ExitCode.Input, string.Create(CultureInfo.InvariantCulture,
                    $"line {i + 1} of '{path}' is not a result; delete that line, or draw into another folder."), error);
            }
        }

        return results;
    }

    private static long EndOfLastLine(FileStream file)
    {
        for (long end = file.Length; end > 0; end--)
        {
            file.Seek(end - 1, SeekOrigin.Begin);
            if (file.ReadByte() == '\n')
                return end;
        }

        return 0;
    }

    /// <summary>Whether another process has the file open: EWOULDBLOCK of Linux and macOS, ERROR_SHARING_VIOLATION of Windows.</summary>
    private static bool IsLocked(Exception error) => error is IOException and not (FileNotFoundException or DirectoryNotFoundException)
        && (error.HResult & 0xFFFF) is 11 or 35 or 32;

    private static CommandException InUse(string path, Exception error) => new(ExitCode.Output,
        $"'{path}' is in use: another sjd draws into this folder; wait until it has ended, or choose another folder.", error);

    [GeneratedRegex(@"^results-\d+-of-(\d+)\.jsonl$")]
    private static partial Regex ShardName();
}
