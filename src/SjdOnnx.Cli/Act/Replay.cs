using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SjdOnnx.Actions;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Act;

/// <summary>Pictures of a table, one for each action, as one animated picture.</summary>
internal sealed class Replay : IDisposable
{
    private const int Enlarged = 8;
    private const int Delay = 22, LastDelay = 160; // hundredths of a second

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

    /// <summary>Writes the pictures as a GIF. The last one stays longer; then they begin again.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public void Write(string path)
    {
        for (int i = 0; i < _frames.Frames.Count; i++)
            _frames.Frames[i].Metadata.GetGifMetadata().FrameDelay = i == _frames.Frames.Count - 1 ? LastDelay : Delay;
        _frames.Metadata.GetGifMetadata().RepeatCount = 0;
        using var bytes = new MemoryStream();
        _frames.Save(bytes, new GifEncoder());
        OutputFile.Replace(path, bytes.ToArray());
    }

    public void Dispose() => _frames.Dispose();
}
