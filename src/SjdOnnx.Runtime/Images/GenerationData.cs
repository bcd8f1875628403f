using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Images;

/// <summary>How a picture came to be: enough to draw it again. It holds nothing that differs between two runs of the same request
/// (no times, dates or paths), so that the bytes of its file do not differ either.</summary>
public sealed record GenerationData
{
    /// <summary>The keyword of the PNG text that holds this record as JSON.</summary>
    public const string Keyword = "sjdonnx";

    /// <summary>Prompts stand in the file as their author wrote them, not as \u escapes: the text is no HTML.</summary>
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

    public required DrawnStatistics Statistics { get; init; }

    /// <summary>Without the commit that builds append: two builds of one version draw the same bytes.</summary>
    public static string EngineVersion { get; } =
        typeof(GenerationData).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>How <paramref name="image"/> came to be.</summary>
    public static GenerationData Of(GeneratedImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        GenerationSettings settings = image.Settings;
        return new GenerationData
        {
            Engine = $"SjdOnnx {EngineVersion}",
            Random = "philox4x32-10",
            Model = new DrawnModel(image.Model.Name, image.Model.Hash, settings.Precision),
            Provider = settings.Provider,
            Request = new DrawnRequest(
                settings.Prompt, settings.Seed, settings.Method, settings.Window, settings.Initialisation,
                settings.Guidance, settings.Temperature, settings.TopK, settings.TopP, image.Width, image.Height,
                DecodingMethods.Describe(settings.Method).IsExact)
            {
                MethodSettings = settings.MethodSettings,
                Negative = settings.Negative,
                Cleaning = settings.Cleaning,
            },
            Statistics = new DrawnStatistics(image.ImageTokens, image.ForwardPasses, image.TokensPerPass, image.AcceptedHistogram),
        };
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json.GenerationData);

    /// <exception cref="JsonException">The text is not the JSON of such a record.</exception>
    public static GenerationData FromJson(string json) =>
        JsonSerializer.Deserialize(json, Json.GenerationData)
        ?? throw new JsonException("The generation data is null.");
}

/// <param name="Sha256">SHA-256 of model.json, which holds those of all other files, in lower-case hexadecimal digits.</param>
public sealed record DrawnModel(string Name, string Sha256, string Precision);

/// <summary>The request with every default filled in.</summary>
/// <param name="Window">The most drafts judged by one forward pass.</param>
/// <param name="Initialisation">What a slot holds that no pass has predicted yet.</param>
/// <param name="TopK">0: off.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Exact">
/// Whether the method draws pictures as the model distributes them; if not, it is lossy. Those that do not say were drawn when all methods were exact.
/// </param>
public sealed record DrawnRequest(
    string Prompt, ulong Seed, string Method, WindowSize Window, string Initialisation,
    float Guidance, float Temperature, int TopK, float TopP, int Width, int Height, bool Exact = true)
{
    /// <summary>What the method looks at beside window and initialisation; null if it is nothing.</summary>
    public MethodSettings? MethodSettings { get; init; }

    /// <summary>What the picture must not show; null where the model does not read that.</summary>
    public string? Negative { get; init; }

    /// <summary>How the prompt was cleaned before it was read; null for not at all.</summary>
    public string? Cleaning { get; init; }
}

/// <param name="ImageTokens">Tokens that stand for a piece of the picture; row ends do not count.</param>
/// <param name="ForwardPasses">After the prefill.</param>
/// <param name="AcceptedHistogram">Element n: passes that accepted n drafts.</param>
public sealed record DrawnStatistics(int ImageTokens, int ForwardPasses, double TokensPerPass, IReadOnlyList<int> AcceptedHistogram);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(GenerationData))]
internal sealed partial class GenerationDataJson : JsonSerializerContext;
