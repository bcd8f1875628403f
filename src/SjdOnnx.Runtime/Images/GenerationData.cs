using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime.Images;

/// <summary>
/// How an image was generated: enough to generate it again. It holds nothing that differs between two runs of the same request (no times,
/// dates or paths), so the bytes of the file do not differ either.
/// </summary>
public sealed record GenerationData
{
    /// <summary>The keyword of the PNG text that holds this record as JSON.</summary>
    public const string Keyword = "sjdonnx";

    /// <summary>Writes prompts without \u escapes, because the text is not HTML.</summary>
    private static readonly GenerationDataJson Json =
        new(new JsonSerializerOptions(GenerationDataJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Version of this record; readers of version 1 may ignore members they do not know.</summary>
    public int Format { get; init; } = 1;

    /// <summary>Name and version of the program, such as <c>SjdOnnx 0.1.0</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>The random generator that the seed is for.</summary>
    public required string Random { get; init; }

    public required DrawnModel Model { get; init; }

    public required string Provider { get; init; }

    public required DrawnRequest Request { get; init; }

    /// <summary>Null before the image is drawn.</summary>
    public DrawnStatistics? Statistics { get; init; }

    /// <summary>How <paramref name="image"/> was drawn.</summary>
    /// <param name="image">A finished image.</param>
    /// <param name="statistics">Whether to count its forward passes.</param>
    public static GenerationData Of(GeneratedImage image, bool statistics = true)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Of(image.Settings, image.Model) with
        {
            Statistics = statistics
                ? new DrawnStatistics(image.ImageTokens, image.ForwardPasses, image.TokensPerPass, image.AcceptedHistogram)
                : new DrawnStatistics(image.ImageTokens),
        };
    }

    /// <summary>What is known of an image before it is drawn: everything except for the statistics.</summary>
    /// <param name="settings">From <see cref="RequestChecker.Check"/>.</param>
    /// <param name="model">The model that will draw it.</param>
    public static GenerationData Of(GenerationSettings settings, ModelDescription model)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(model);
        MethodDescriptor method = settings.Method.Descriptor;
        return new GenerationData
        {
            Engine = $"SjdOnnx {TextToImage.Version}",
            Random = "philox4x32-10",
            Model = new DrawnModel(model.Name, model.Hash, settings.Precision.Name),
            Provider = settings.Provider.Name(),
            Request = new DrawnRequest(
                settings.Prompt, settings.Seed, method.Name, settings.Window, settings.Initialization.Name,
                settings.Guidance, settings.Temperature, settings.TopK, settings.TopP, settings.Size.Width, settings.Size.Height,
                method.IsExact)
            {
                MethodOptions = Options(settings.Method),
                NegativePrompt = settings.NegativePrompt,
                Cleaning = settings.Cleaning,
            },
        };
    }

    /// <summary>The record as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json.GenerationData);

    /// <summary>Reads the record from JSON.</summary>
    /// <exception cref="JsonException">The text is not the JSON of such a record.</exception>
    public static GenerationData FromJson(string json) =>
        JsonSerializer.Deserialize(json, Json.GenerationData)
        ?? throw new JsonException("The generation data is null.");

    /// <summary>Options of the method by name in snake case; null if it has none.</summary>
    private static JsonObject? Options(IDecodingMethod method)
    {
        if (method.Descriptor.Options.Count == 0)
            return null;
        var options = new JsonObject();
        foreach (MethodOption option in method.Descriptor.Options)
        {
            options[option.Name.Replace('-', '_')] = DecodingMethodJson.Node(option.ValueIn(method));
        }

        return options;
    }
}

/// <param name="Name">The model's name.</param>
/// <param name="Sha256">SHA-256 of model.json, which holds the hashes of all other files, in lower-case hexadecimal digits.</param>
/// <param name="Precision">The precision that drew the image.</param>
public sealed record DrawnModel(string Name, string Sha256, string Precision);

/// <summary>The request with every default filled in.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Method">The decoding method's name.</param>
/// <param name="Window">The most drafts in a forward pass.</param>
/// <param name="Initialization">The first guess at a draft.</param>
/// <param name="Guidance">Guidance; 1 is none.</param>
/// <param name="Temperature">Temperature.</param>
/// <param name="TopK">Top-k; 0 is off.</param>
/// <param name="TopP">Top-p; 1 is off.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Exact">Whether images have the distribution of the model; if not, the method is lossy.</param>
public sealed record DrawnRequest(
    string Prompt, ulong Seed, string Method, WindowSize Window, string Initialization,
    float Guidance, float Temperature, int TopK, float TopP, int Width, int Height, bool Exact)
{
    /// <summary>The options that only this method has, by name; null if it has none.</summary>
    public JsonObject? MethodOptions { get; init; }

    /// <summary>What the image must not show; null if the model reads no negative prompt.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The rules by which the prompt was rewritten; null for none.</summary>
    public string? Cleaning { get; init; }
}

/// <summary>
/// What was counted while the image was drawn. The file leaves out the passes if <see cref="ImageFileOptions.Statistics"/> is false.
/// </summary>
/// <param name="ImageTokens">Tokens that are image codes.</param>
/// <param name="ForwardPasses">Forward passes, not counting the prefill; null if the file does not tell.</param>
/// <param name="TokensPerPass">Image tokens for each pass; null if the file does not tell.</param>
/// <param name="AcceptedHistogram">Element n: passes that accepted n drafts; null if the file does not tell.</param>
public sealed record DrawnStatistics(
    int ImageTokens, int? ForwardPasses = null, double? TokensPerPass = null, IReadOnlyList<int>? AcceptedHistogram = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(GenerationData))]
internal sealed partial class GenerationDataJson : JsonSerializerContext;
