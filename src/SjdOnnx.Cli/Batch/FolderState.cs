using System.Security.Cryptography;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Batch;

/// <summary>Which images of a batch its folder already has.</summary>
internal sealed class FolderState
{
    private readonly Dictionary<string, ImageResult> _finished = [];
    private readonly List<CheckedImage> _changed = [];

    /// <param name="folder">The folder.</param>
    /// <param name="images">Of the batch, or of its shard.</param>
    /// <param name="results">What the folder's results say, by the names of files.</param>
    public FolderState(string folder, IEnumerable<CheckedImage> images, IReadOnlyDictionary<string, ImageResult> results)
    {
        foreach (CheckedImage image in images)
        {
            var file = new FileInfo(Path.Combine(folder, image.Name));
            if (!file.Exists)
                continue;
            bool isKnown = results.TryGetValue(image.Name, out ImageResult? result) && result.IsFinished;
            if (isKnown && result!.Request == image.Key)
            {
                if (result.Bytes == file.Length)
                    _finished[image.Name] = result with { Index = image.Index, Line = image.Image.Line, Id = image.Image.Id };
                else
                    _changed.Add(image); // someone edited the file
            }
            else if (ResultOf(image, file) is { } written)
            {
                // The process was killed between the file and its line.
                _finished[image.Name] = written;
                Unrecorded.Add(written);
            }
            else if (isKnown || image.Image.Options.File.Metadata || results.Count == 0)
            {
                _changed.Add(image);
            }
        }
    }

    /// <summary>By the names of files.</summary>
    public IReadOnlyDictionary<string, ImageResult> Finished => _finished;

    /// <summary>Images whose file is there and that the results do not name.</summary>
    public List<ImageResult> Unrecorded { get; } = [];

    /// <summary>Images whose file is there, but was drawn from another request, or by another program.</summary>
    public IReadOnlyList<CheckedImage> Changed => _changed;

    /// <summary>The result that an existing file's metadata prove; null if they do not.</summary>
    public static ImageResult? ResultOf(CheckedImage image, FileInfo file)
    {
        try
        {
            if (ImageFileInfo.Read(file.FullName).GenerationJson is not string json || !image.IsDrawnAs(json))
                return null;
            return Of(image, File.ReadAllBytes(file.FullName), GenerationData.FromJson(json));
        }
        catch (ImageFormatException)
        {
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Output, $"'{file.FullName}' cannot be read: {error.Message.TrimEnd('.')}.", error);
        }
    }

    /// <summary>The result of a finished image.</summary>
    public static ImageResult Of(CheckedImage image, byte[] file, GenerationData data) => ImageResult.Of(image) with
    {
        Bytes = file.Length,
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(file)),
        Sjdonnx = data,
    };
}
