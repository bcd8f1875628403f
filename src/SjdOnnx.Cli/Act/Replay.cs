using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SixLabors.ImageSharp.Processing.Processors.Transforms;
using SjdOnnx.Actions;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Act;

/// <summary>Pictures of a table, one for each action, as one animated picture.</summary>
internal sealed class Replay : IDisposable
{
    private const int Enlarged = 8;
    private const uint Milliseconds = 220, LastMilliseconds = 1600;

    private readonly Image<Rgb24> _frames = new(BlockTable.Side * Enlarged, BlockTable.Side * Enlarged);
    private bool _isEmpty = true;

    /// <summary>Adds the table as it is now.</summary>
    public void Add(BlockTable table)
    {
        using Image<Rgb24> picture = Image.LoadPixelData<Rgb24>(table.Draw(), BlockTable.Side, BlockTable.Side);
        picture.Mutate(static operation => operation.Resize(
            BlockTable.Side * Enlarged, BlockTable.Side * Enlarged, KnownResamplers.NearestNeighbor));
        _frames.Frames.AddFrame(picture.Frames.RootFrame);
        if (_isEmpty)
            _frames.Frames.RemoveFrame(0);
        _isEmpty = false;
    }

    /// <summary>Writes the pictures. The last one stays longer; then they begin again.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public void Write(string path)
    {
        bool isWebP = path.EndsWith(".webp", StringComparison.OrdinalIgnoreCase);
        for (int i = 0; i < _frames.Frames.Count; i++)
        {
            uint duration = i == _frames.Frames.Count - 1 ? LastMilliseconds : Milliseconds;
            _frames.Frames[i].Metadata.GetWebpMetadata().FrameDelay = duration;
            _frames.Frames[i].Metadata.GetPngMetadata().FrameDelay = new Rational(duration, 1000);
        }

        _frames.Metadata.GetWebpMetadata().RepeatCount = 0;
        _frames.Metadata.GetPngMetadata().RepeatCount = 0;
        using var bytes = new MemoryStream();
        if (isWebP)
            _frames.Save(bytes, new WebpEncoder { FileFormat = WebpFileFormatType.Lossless });
        else
            _frames.Save(bytes, new PngEncoder());
        OutputFile.Replace(path, bytes.ToArray());
    }

    public void Dispose() => _frames.Dispose();
}
