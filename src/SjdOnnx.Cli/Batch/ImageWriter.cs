using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Batch;

/// <summary>Draws images and stores them in a folder. batch and the workers of a fleet write the same files.</summary>
/// <param name="folder">Must exist.</param>
/// <param name="textToImage">The model of the images.</param>
internal sealed class ImageWriter(string folder, TextToImage textToImage)
{
    /// <summary>Draws an image, and returns when the disk has stored its file.</summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    /// <exception cref="SjdOnnxException">The image cannot be drawn.</exception>
    public async Task<ImageResult> DrawAsync(
        CheckedImage image, IProgress<GenerationProgress>? progress, CancellationToken cancellation)
    {
        ImageOptions options = image.Image.Options;
        GeneratedImage drawn = await textToImage.GenerateAsync(image.Image.Request, options.Drawing, progress, cancellation);
        // The thread that continues here is the pool's: encoding and storing do not delay the next pass.
        byte[] file = drawn.Encode(options.Format, options.File);
        DurableFile.Write(Path.Combine(folder, image.Name), file);
        return FolderState.Of(image, file, GenerationData.Of(drawn, options.File.Statistics));
    }
}
