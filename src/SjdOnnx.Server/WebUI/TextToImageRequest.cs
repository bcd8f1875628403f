using SjdOnnx.Runtime;
using SjdOnnx.Sampling;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.WebUI;

/// <summary>
/// The fields of a web UI's txt2img. Programs send all that they know, so fields without a meaning here are ignored, unless they ask for
/// another image.
/// </summary>
internal static class TextToImageRequest
{
    private const int Parts = 5; // of an image, between previews

    /// <exception cref="RefusalException">A field is not legal.</exception>
    public static DrawingRequest Read(RequestFields fields, DrawingFields drawing, string? chosenModel)
    {
        PooledModel model = drawing.Model(
            NameOf(fields.TextIn("override_settings", "sd_model_checkpoint", maxLength: 200)) ?? chosenModel, fields);
        if (fields.Flag("enable_hr") == true)
            throw RefusalException.BadValue("enable_hr", "enable_hr is true; the images cannot be enlarged. Leave it out.");
        if (fields.Text("script_name", maxLength: 1000) is { Length: > 0 })
            throw RefusalException.BadValue("script_name", "script_name is given; there are no scripts. Leave it out.");
        int batch = drawing.Count(fields, "batch_size");
        int count = batch * (fields.Whole("n_iter", 1, 1000) ?? 1);
        if (count > drawing.MaxImages)
        {
            throw RefusalException.BadValue("n_iter",
                FormattableString.Invariant($"batch_size × n_iter is {count}; one request draws at most {drawing.MaxImages} images."));
        }

        GenerationOptions options = DrawingFields.Options(model, fields) with { Size = SizeOf(model, fields, drawing) };
        string? negative = drawing.NegativePrompt(fields);
        if (negative is not null && model.Description.DefaultNegativePrompt is null)
        {
            negative = null; // programs send one whatever the model
            fields.Note($"negative_prompt is ignored, because {model.Name} reads none.");
        }

        float? guidance = fields.Number("cfg_scale", 0, SamplingOptions.MaxGuidance);
        if (guidance is not null && model.Description.Lanes == 1)
        {
            guidance = null;
            fields.Note($"cfg_scale is ignored, because {model.Name} has no guidance.");
        }

        fields.Ignore(["steps"], "is ignored, because images are not drawn in steps.");
        var request = new DrawingRequest
        {
            Model = model,
            First = new GenerationRequest
            {
                Prompt = drawing.Prompt(fields),
                NegativePrompt = negative,
                Seed = DrawingFields.Seed(fields, count),
            },
            Options = options with { Guidance = guidance ?? options.Guidance },
            Count = count,
            Notes = fields.Notes,
        };
        return request with { Options = request.Options with { PreviewEveryRows = Math.Max(1, request.Rows / Parts) } };
    }

    /// <summary>A model's name, or its title with the hash, which some programs send back.</summary>
    public static string? NameOf(string? model)
    {
        int hash = model?.LastIndexOf(" [", StringComparison.Ordinal) ?? -1;
        return string.IsNullOrEmpty(model) ? null : hash > 0 && model[^1] == ']' ? model[..hash] : model;
    }

    private static ImageSize? SizeOf(PooledModel model, RequestFields fields, DrawingFields drawing)
    {
        int? width = fields.Whole("width", 1, 100_000);
        int? height = fields.Whole("height", 1, 100_000);
        if (width is null && height is null)
            return null;
        ImageSize first = model.Description.Sizes[0];
        return drawing.Size(model, new ImageSize(width ?? first.Width, height ?? first.Height), fields);
    }
}
