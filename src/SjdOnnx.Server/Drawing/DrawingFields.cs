using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Sampling;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;
using static System.FormattableString;

namespace SjdOnnx.Server.Drawing;

/// <summary>Turns the fields of requests into what is drawn: what the APIs have in common.</summary>
internal sealed class DrawingFields(ModelPool models, IOptions<SjdOnnxServerOptions> options)
{
    private readonly SjdOnnxServerOptions _options = options.Value;

    /// <summary>The most images of one request.</summary>
    public int MaxImages => Math.Min(_options.MaxImagesPerRequest, _options.MaxPendingImages);

    /// <summary>Reads what is drawn: the fields that our API and OpenAI's have in common.</summary>
    /// <param name="model">Draws.</param>
    /// <param name="fields">The request's fields.</param>
    /// <param name="count">Images.</param>
    /// <exception cref="RefusalException">A field is not legal.</exception>
    public DrawingRequest Read(PooledModel model, RequestFields fields, int count) => new()
    {
        Model = model,
        First = new GenerationRequest
        {
            Prompt = Prompt(fields),
            NegativePrompt = NegativePrompt(fields),
            Seed = Seed(fields, count),
        },
        Options = Options(model, fields) with { Size = Size(model, fields) },
        Count = count,
    };

    /// <summary>Finds the model that a client asked for.</summary>
    /// <param name="name">The name; null or empty for the default model.</param>
    /// <param name="fields">Gets a note if another model takes its place.</param>
    /// <exception cref="RefusalException">There is no such model.</exception>
    public PooledModel Model(string? name, RequestFields fields)
    {
        if (string.IsNullOrEmpty(name))
            return models.Default;
        if (models.Find(name) is { } model)
            return model;
        if (!_options.AcceptUnknownModels)
        {
            throw new RefusalException(StatusCodes.Status404NotFound,
                $"There is no model '{name}'; choose one of {string.Join(", ", models.All.Select(static each => each.Name))}.",
                "model_not_found", "model");
        }

        fields.Note($"There is no model '{name}'; {models.Default.Name} drew the images.");
        return models.Default;
    }

    /// <summary>The size to draw for one that a client asked for.</summary>
    /// <exception cref="RefusalException">The model does not draw it.</exception>
    public ImageSize Size(PooledModel model, ImageSize wanted, RequestFields fields)
    {
        if (model.Description.Sizes.Contains(wanted))
            return wanted;
        ImageSize nearest = model.Nearest(wanted);
        if (!_options.AcceptUnknownSizes)
        {
            throw RefusalException.BadValue(
                "size", $"{model.Name} does not draw the size {wanted}; the nearest size that it draws is {nearest}.");
        }

        fields.Note($"{model.Name} does not draw the size {wanted}; the images have the nearest size, {nearest}.");
        return nearest;
    }

    /// <summary>Reads <c>size</c>: width and height in pixels, or auto.</summary>
    public ImageSize? Size(PooledModel model, RequestFields fields)
    {
        string? text = fields.Text("size", maxLength: 100);
        if (text is null or "auto" or "")
            return null;
        string[] sides = text.Split('x');
        if (sides.Length == 2 && TrySide(sides[0], out int width) && TrySide(sides[1], out int height))
            return Size(model, new ImageSize(width, height), fields);
        throw RefusalException.BadValue("size",
            $"size is '{text}'; it must be width and height in pixels, such as {model.Description.Sizes[0]}, or auto.");

        static bool TrySide(string text, out int side) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out side) && side is >= 1 and <= 100_000;
    }

    /// <summary>Reads <c>prompt</c>.</summary>
    public string Prompt(RequestFields fields) => fields.Text("prompt", _options.MaxPromptLength)
        ?? throw new RefusalException(
            StatusCodes.Status400BadRequest, "There is no prompt; it must say what the image shows.", "missing_parameter", "prompt");

    /// <summary>Reads <c>negative_prompt</c>. Programs that have none send an empty one.</summary>
    public string? NegativePrompt(RequestFields fields) =>
        fields.Text("negative_prompt", _options.MaxPromptLength) is { Length: > 0 } negative ? negative : null;

    /// <summary>Reads a number of images.</summary>
    public int Count(RequestFields fields, string name) => fields.Whole(name, 1, MaxImages) ?? 1;

    /// <summary>Reads the first image's seed. Without one, it is random and has 32 bits, which every JSON reader holds exactly.</summary>
    public static ulong Seed(RequestFields fields, int count)
    {
        ulong seed = fields.Seed("seed") ?? BinaryPrimitives.ReadUInt32LittleEndian(RandomNumberGenerator.GetBytes(sizeof(uint)));
        return seed <= ulong.MaxValue - (ulong)(count - 1)
            ? seed
            : throw RefusalException.BadValue(
                "seed", Invariant($"seed is {seed}, and {count} images go beyond the largest seed, {ulong.MaxValue}."));
    }

    /// <summary>Reads how images are drawn, except for their size: our own fields, which are the same in every API.</summary>
    public static GenerationOptions Options(PooledModel model, RequestFields fields)
    {
        MethodDescriptor? method = fields.Word("method", [.. DecodingMethods.BuiltIn.Names]) is string name
            ? DecodingMethods.BuiltIn[name]
            : null;
        if (method is not null && !model.Description.Supports(method))
            throw RefusalException.BadValue("method", $"{model.Name} cannot draw by the method {method}; leave it out.");
        WindowSize? window = null;
        if (fields.NumberOrText("window") is string text)
        {
            window = WindowSize.TryParse(text, out WindowSize read) ? read
                : throw RefusalException.BadValue("window", $"window is '{text}'; it must be a number of drafts, or auto.");
        }

        return new GenerationOptions
        {
            Method = method?.Default,
            Window = window,
            Guidance = fields.Number("guidance_scale", 0, SamplingOptions.MaxGuidance),
            Temperature = fields.Number("temperature", 0, SamplingOptions.MaxTemperature),
            TopK = fields.Whole("top_k", 0, int.MaxValue),
            TopP = fields.Number("top_p", 0, 1),
        };
    }
}
