using System.Security.Cryptography;
using System.Text;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Batch;

/// <summary>An image of the batch, as the input asks for it.</summary>
internal sealed record BatchImage
{
    /// <summary>From 0, over all images of the input.</summary>
    public required int Index { get; init; }

    /// <summary>Of the input, from 1.</summary>
    public required int Line { get; init; }

    public required string? Id { get; init; }

    /// <summary>The file's name, without its folder.</summary>
    public required string Name { get; init; }

    public required GenerationRequest Request { get; init; }

    /// <summary>The values of its options by name, without prompt, id and seed.</summary>
    public required IReadOnlyDictionary<string, string> Values { get; init; }

    public required ImageOptions Options { get; init; }

    /// <summary>A path or a name; null for the built-in model.</summary>
    public required string? Model { get; init; }

    /// <summary>Null for the model's.</summary>
    public required Precision? Precision { get; init; }
}

/// <summary>An image that its model can draw.</summary>
/// <param name="Image">What the input asks for. Its method is set.</param>
/// <param name="Data">What its file will record, except for the statistics.</param>
internal sealed record CheckedImage(BatchImage Image, GenerationData Data)
{
    public int Index => Image.Index;

    public string Name => Image.Name;

    /// <summary>Pixels of the image: work of about equal length shares passes.</summary>
    public long Pixels => (long)Data.Request.Width * Data.Request.Height;

    /// <summary>
    /// SHA-256 of all that decides the file's bytes, in lower-case hexadecimal digits. If it has changed, the file must be drawn again.
    /// </summary>
    public string Key { get; } = KeyOf(Image.Options, Data);

    /// <exception cref="CommandException">An option does not fit the image's method.</exception>
    /// <exception cref="RequestException">The model cannot draw the image.</exception>
    public static CheckedImage Of(BatchImage image, RequestChecker checker)
    {
        ImageOptions options = image.Options.With(image.Options.Method ?? checker.Model.DefaultMethod);
        GenerationSettings settings = checker.Check(image.Request, options.Drawing);
        // The passes of an automatic window depend on the images that share them, which an interruption changes.
        options = options with { File = options.File with { Statistics = !settings.Window.IsAuto } };
        return new CheckedImage(image with { Options = options }, GenerationData.Of(settings, checker.Model));
    }

    /// <summary>Whether the same request draws another image on another machine.</summary>
    public bool DependsOnMachine => Data.Request.Window.IsAuto && !Image.Options.Method!.IsSeedExact;

    /// <summary>Whether a file's generation data are those of this image.</summary>
    public bool IsDrawnAs(string generationJson)
    {
        try
        {
            return (GenerationData.FromJson(generationJson) with { Statistics = null }).ToJson() == Data.ToJson();
        }
        catch (System.Text.Json.JsonException)
        {
            return false;
        }
    }

    private static string KeyOf(ImageOptions options, GenerationData data)
    {
        ImageFileOptions file = options.File;
        string text = $"{data.ToJson()}\n{options.Format} {file.Quality} {file.Lossless} {file.Metadata} {file.Statistics}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }
}
