using System.Text;
using SjdOnnx.Cli.Batch;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Fleet;

/// <summary>
/// The folders of the jobs that a worker draws for. A folder is open while the worker has a message of its job, so that others can use it
/// when the job is finished.
/// </summary>
/// <param name="output">The folder that holds them.</param>
/// <param name="worker">The worker's name.</param>
internal sealed class JobFolders(string output, string worker)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (JobFolder Folder, int Users)> _open = [];

    /// <summary>Calls back with a folder, which stays open meanwhile.</summary>
    /// <exception cref="CommandException">The folder or its results cannot be written.</exception>
    public async Task<T> UseAsync<T>(string job, Func<JobFolder, Task<T>> use)
    {
        JobFolder folder;
        lock (_lock)
        {
            (folder, int users) =
                _open.TryGetValue(job, out var known) ? known : (JobFolder.Open(Path.Combine(output, job), worker), 0);
            _open[job] = (folder, users + 1);
        }

        try
        {
            return await use(folder);
        }
        finally
        {
            lock (_lock)
            {
                int left = _open[job].Users - 1;
                _open[job] = (folder, left);
                if (left == 0)
                {
                    _open.Remove(job);
                    folder.Dispose();
                }
            }
        }
    }
}

/// <summary>
/// The folder of a job: its images, the results of each worker, and for an image that failed a file with the reasons, which all workers
/// see.
/// </summary>
internal sealed class JobFolder : IDisposable
{
    private readonly ResultsFile _results;

    private JobFolder(string path, ResultsFile results) => (Path, _results) = (path, results);

    public string Path { get; }

    /// <exception cref="CommandException">The folder or its results cannot be written.</exception>
    public static JobFolder Open(string path, string worker)
    {
        OutputFile.CreateFolder(path);
        return new JobFolder(path, ResultsFile.Open(path, $"results-of-{worker}.jsonl"));
    }

    public void Dispose() => _results.Dispose();

    /// <summary>The image's file; null if it is not there.</summary>
    public FileInfo? Find(CheckedImage image) => new FileInfo(PathOf(image.Name)) is { Exists: true } file ? file : null;

    /// <summary>The result of a file that is there.</summary>
    /// <returns>Null if it is another image's.</returns>
    public static ImageResult? ResultOf(CheckedImage image, FileInfo file)
    {
        if (image.Image.Options.File.Metadata)
            return FolderState.ResultOf(image, file);
        byte[] bytes = File.ReadAllBytes(file.FullName); // it says nothing about itself
        return FolderState.Of(image, bytes, image.Data);
    }

    /// <summary>Adds the result of a finished image, and forgets its failures.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public void Add(ImageResult result)
    {
        _results.Add(result);
        ForgetFailures(result.File);
    }

    /// <summary>The reasons why an image failed, in their order.</summary>
    public IReadOnlyList<string> FailuresOf(CheckedImage image) =>
        File.Exists(FailuresPath(image.Name)) ? File.ReadAllLines(FailuresPath(image.Name)) : [];

    /// <summary>Adds a reason why an image failed.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public void AddFailure(CheckedImage image, string reason) =>
        WriteFailures(image, [.. FailuresOf(image), reason.ReplaceLineEndings(" ")]);

    public void RemoveLastFailure(CheckedImage image) => WriteFailures(image, FailuresOf(image).SkipLast(1));

    public void ForgetFailures(string name) => OutputFile.Remove(FailuresPath(name));

    private void WriteFailures(CheckedImage image, IEnumerable<string> reasons)
    {
        string text = string.Concat(reasons.Select(reason => reason + "\n"));
        if (text.Length == 0)
            ForgetFailures(image.Name);
        else
            DurableFile.Write(FailuresPath(image.Name), Encoding.UTF8.GetBytes(text));
    }

    private string PathOf(string name) => System.IO.Path.Combine(Path, name);

    private string FailuresPath(string name) => PathOf($".{name}.failures");
}
