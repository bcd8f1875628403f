using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.OpenAI;

/// <summary>A request of OpenAI's images API, with fields of ours beside OpenAI's.</summary>
/// <param name="Drawing">What is drawn.</param>
/// <param name="Stream">Whether the answer is a stream of events.</param>
/// <param name="ByUrl">Whether the answer holds addresses in place of files.</param>
internal sealed record ImageRequest(DrawingRequest Drawing, bool Stream, bool ByUrl)
{
    private const int MaxPartialImages = 3;

    // What some models of OpenAI know, and no value of which changes an image here.
    private static readonly string[] Ignored = ["quality", "style", "moderation", "steps", "num_inference_steps"];

    /// <summary>The names of formats in this API, which are those of <see cref="ImageFormat"/> in lower case.</summary>
    public static string NameOf(ImageFormat format) => format switch
    {
        ImageFormat.Jpeg => "jpeg",
        ImageFormat.WebP => "webp",
        _ => "png",
    };

    /// <exception cref="RefusalException">A field is not legal.</exception>
    public static ImageRequest Read(RequestFields fields, DrawingFields drawing)
    {
        PooledModel model = drawing.Model(fields.Text("model", maxLength: 200), fields);
        int count = drawing.Count(fields, "n");
        bool stream = fields.Flag("stream") ?? false;
        if (stream && count > 1)
            throw RefusalException.BadValue("n", $"n is {count}; with stream it must be 1.");
        int partial = fields.Whole("partial_images", 0, MaxPartialImages) ?? 0;
        if (partial > 0 && !stream)
            throw RefusalException.BadValue("partial_images", $"partial_images is {partial}; without stream it must be 0.");
        bool byUrl = fields.Word("response_format", "b64_json", "url") == "url";
        if (stream && byUrl)
            throw RefusalException.BadValue("response_format", "response_format is url; with stream it must be b64_json.");
        if (fields.Word("background", "auto", "opaque", "transparent") == "transparent")
            throw RefusalException.BadValue("background", "background is transparent; the images are opaque. Leave it out.");
        ImageFormat format = fields.Word("output_format", "png", "jpeg", "webp") is string name
            ? Enum.Parse<ImageFormat>(name, ignoreCase: true)
            : ImageFormat.Png;
        int? quality = fields.Whole("output_compression", 0, 100);
        if (format == ImageFormat.Png && quality is not null)
        {
            quality = null;
            fields.Note("output_compression is ignored, because PNG is lossless.");
        }

        fields.Ignore(Ignored, "is ignored, because it changes nothing here.");
        fields.Text("user", maxLength: 1000); // a name for OpenAI's own records
        DrawingRequest request = drawing.Read(model, fields, count) with
        {
            Format = format,
            File = new ImageFileOptions { Quality = quality is int some ? Math.Max(1, some) : null },
        };
        fields.RefuseOthers();
        if (partial > 0) // one more part than partial images, since the last part is the whole image
            request = request with { Options = request.Options with { PreviewEveryRows = Ceiling(request.Rows, partial + 1) } };
        return new ImageRequest(request with { Notes = fields.Notes }, stream, byUrl);

        static int Ceiling(int rows, int parts) => (rows + parts - 1) / parts;
    }
}
