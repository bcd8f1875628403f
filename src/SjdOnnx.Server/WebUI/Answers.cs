using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.WebUI;

/// <param name="Images">PNG files in base64.</param>
/// <param name="Parameters">The request's own fields, with what was drawn.</param>
/// <param name="Info">An <see cref="ImageInfo"/> as JSON in a string.</param>
internal sealed record TextToImageAnswer(byte[][] Images, Dictionary<string, JsonElement> Parameters, string Info);

/// <summary>How the images of an answer were drawn, in a web UI's words.</summary>
/// <param name="Infotexts">The <c>parameters</c> text of each image.</param>
internal sealed record ImageInfo(
    string Prompt, string[] AllPrompts, string NegativePrompt, string[] AllNegativePrompts, ulong Seed, ulong[] AllSeeds, int Width,
    int Height, string SamplerName, float CfgScale, int Steps, int BatchSize, string SdModelName, string SdModelHash,
    string[] Infotexts, IReadOnlyList<string> Notes)
{
    /// <summary>People read infotexts and errors, so quotation marks stay as they are.</summary>
    public static WebUIJson Json { get; } =
        new(new JsonSerializerOptions(WebUIJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public int IndexOfFirstImage { get; }

    public static string Of(DrawingRequest request, GeneratedImage[] images)
    {
        GenerationSettings settings = images[0].Settings;
        string negative = settings.NegativePrompt ?? "";
        return JsonSerializer.Serialize(
            new ImageInfo(
                settings.Prompt, [.. images.Select(_ => settings.Prompt)], negative, [.. images.Select(_ => negative)], settings.Seed,
                [.. images.Select(static image => image.Settings.Seed)], images[0].Width, images[0].Height, Sampler.Sjd.Name,
                settings.Guidance, images[0].ForwardPasses, images.Length, request.Model.Name, request.Model.ShortHash,
                [.. images.Select(static image => ParametersText.Of(GenerationData.Of(image)))], request.Notes),
            Json.ImageInfo);
    }
}

internal sealed record ModelEntry(string Title, string ModelName, string Hash, string Sha256, string Filename)
{
    /// <summary>The file name is the model's name: clients see no path of this machine.</summary>
    public static ModelEntry Of(PooledModel model) =>
        new(model.Title, model.Name, model.ShortHash, model.Description.Hash, model.Name);
}

internal sealed record Sampler(string Name, string[] Aliases)
{
    public static Sampler Sjd { get; } = new("SJD", ["sjd"]);

    public Dictionary<string, string> Options { get; } = [];
}

/// <param name="SdModelCheckpoint">The chosen model's title.</param>
internal sealed record OptionsAnswer(string SdModelCheckpoint, string SdCheckpointHash)
{
    public string SamplesFormat { get; } = "png";
}

/// <param name="Progress">From 0 to 1.</param>
/// <param name="EtaRelative">Seconds that are left, about.</param>
/// <param name="CurrentImage">A PNG file in base64; null if there is no preview yet.</param>
internal sealed record ProgressAnswer(double Progress, double EtaRelative, ProgressState State, byte[]? CurrentImage)
{
    public string? Textinfo { get; }

    public static ProgressAnswer Of(CurrentJob.Job? job, bool withImage)
    {
        if (job is null)
            return new ProgressAnswer(0, 0, new ProgressState("", 0, 0, 0, 0), null);
        double done = job.Done;
        double left = done > 0 ? job.Elapsed.TotalSeconds * (1 - done) / done : 0;
        int steps = done > 0 ? (int)Math.Ceiling(job.Passes / Math.Max(done, 0.01)) : 0;
        return new ProgressAnswer(
            done, left, new ProgressState("txt2img", job.Images, job.Finished, job.Passes, steps),
            withImage ? job.Preview?.Encode() : null);
    }
}

internal sealed record ProgressState(string Job, int JobCount, int JobNo, int SamplingStep, int SamplingSteps)
{
    public bool Skipped { get; }

    public bool Interrupted { get; }
}

/// <summary>A failure: programs for web UIs read <c>detail</c> or <c>error</c>.</summary>
internal sealed record WebUIError(string Error, string Detail)
{
    public string Body { get; } = "";

    public string Errors => Detail;

    public static Task WriteAsync(HttpContext context, RefusalException refusal) =>
        context.Response.WriteAsJsonAsync(new WebUIError(refusal.Code, refusal.Message), ImageInfo.Json.WebUIError);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TextToImageAnswer))]
[JsonSerializable(typeof(ImageInfo))]
[JsonSerializable(typeof(ModelEntry[]))]
[JsonSerializable(typeof(Sampler[]))]
[JsonSerializable(typeof(OptionsAnswer))]
[JsonSerializable(typeof(ProgressAnswer))]
[JsonSerializable(typeof(WebUIError))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
internal sealed partial class WebUIJson : JsonSerializerContext;
