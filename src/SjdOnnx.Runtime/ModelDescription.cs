using SjdOnnx.Methods;
using SjdOnnx.Runtime.Model;
using static System.FormattableString;

namespace SjdOnnx.Runtime;

/// <summary>What a loaded model is and can do.</summary>
public sealed record ModelDescription
{
    private readonly Manifest _manifest;

    internal ModelDescription(ModelFolder folder)
    {
        _manifest = folder.Manifest;
        Hash = folder.Hash;
        Precision = folder.Precision;
        Sizes = [.. _manifest.Image.Sizes.Select(size => new ImageSize(size[0], size[1]))];
        Precisions = [.. _manifest.Transformer.Precisions.Keys];
        Methods = [.. DecodingMethods.Names.Where(name => _manifest.Denoising is not null || !DecodingMethods.Describe(name).ReadsNoise)];
        Batches = [1, .. _manifest.Transformer.Precisions[Precision].Batches.Keys.Order()];
    }

    /// <summary>What a model folder's model.json says, with nothing loaded: no other file is looked at but for its length.</summary>
    /// <param name="precision">One of the model's precisions; null takes its default.</param>
    /// <exception cref="ModelException">There is no such model, it is not whole, or it lacks the precision.</exception>
    public static ModelDescription Read(string folder, string? precision = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return new ModelDescription(ModelFolder.Open(folder, precision));
    }

    public string Name => _manifest.Name;

    /// <summary>SHA-256 of model.json, in lower-case hex; through the hashes in it, of the whole model.</summary>
    public string Hash { get; }

    /// <summary>The architecture, as "chameleon".</summary>
    public string Family => _manifest.Family;

    /// <summary>SPDX identifier of the model's licence.</summary>
    public string License => _manifest.License.Id;

    public string LicenseNotice => _manifest.License.Notice;

    /// <summary>Whether the licence allows commercial use.</summary>
    public bool AllowsCommercialUse => _manifest.License.Commercial;

    /// <summary>The negative prompt that is read unless told otherwise; null where the model reads none.</summary>
    public string? DefaultNegative => _manifest.Prompt.Negative;

    /// <summary>How prompts are cleaned before they are read; null for not at all.</summary>
    public string? Cleaning => _manifest.Prompt.Cleaning;

    /// <summary>The precision that was loaded, or asked for.</summary>
    public string Precision { get; }

    public IReadOnlyList<string> Precisions { get; }

    /// <summary>
    /// How many pictures a forward pass can have at this precision, rising from 1. Any number up to the last can be drawn at once.
    /// </summary>
    public IReadOnlyList<int> Batches { get; }

    /// <summary>What it can draw; the first is the default.</summary>
    public IReadOnlyList<ImageSize> Sizes { get; }

    /// <summary>Longest prompt, in tokens of text; null where a prompt is the number of a class.</summary>
    public int? MaxPromptTokens => _manifest.TextEncoder is { } encoder ? encoder.Places - encoder.Ids.Count(part => part is PromptPart.Id)
        : _manifest.Tokenizer is null ? null : _manifest.Prompt.MaxTokens;

    /// <summary>How a picture is written in tokens, for people: its codes' ids, and the ids that end rows and pictures.</summary>
    public string LayoutForm
    {
        get
        {
            LayoutSection layout = _manifest.Layout;
            string codes = Invariant($"codes {layout.FirstCode} to {layout.FirstCode + layout.Codes - 1}");
            string rows = layout.RowSuffix.Length == 0 ? "" : $", after each row {string.Join(' ', layout.RowSuffix)}";
            return codes + rows + (layout.Suffix.Length == 0 ? "" : $", at the end {string.Join(' ', layout.Suffix)}");
        }
    }

    /// <summary>Sequences that the transformer reads for each picture: 2 with guidance, 1 without.</summary>
    public int Lanes => _manifest.Transformer.Lanes;

    /// <summary>Codes at the beginning and at the end of a picture that are drawn without drafts.</summary>
    public (int First, int Last) Sequential => _manifest.Decoding.Sequential is { } parts ? (parts.First, parts.Last) : (0, 0);

    /// <summary>What the transformer reads before the picture, for people: token ids, and text in quotes with its placeholders.</summary>
    public string PromptForm => Form(_manifest.Prompt.Conditional);

    /// <summary>What guidance leads away from, likewise.</summary>
    public string UnconditionalForm => Form(_manifest.Prompt.Unconditional);

    /// <summary>Layers of the transformer.</summary>
    public int Layers => _manifest.Transformer.Layers;

    /// <summary>Image codes that a token is one of.</summary>
    public int Codes => _manifest.Layout.Codes;

    /// <summary>The side of the square of pixels that a code stands for.</summary>
    public int PixelsPerCode => _manifest.Image.PixelsPerCode;

    /// <summary>Bytes of all files that model.json names: every precision.</summary>
    public long Bytes => _manifest.Files.Values.Sum(file => file.Bytes);

    public float DefaultGuidance => _manifest.Sampling.Guidance;

    public float DefaultTemperature => _manifest.Sampling.Temperature;

    public int DefaultTopK => _manifest.Sampling.TopK;

    public float DefaultTopP => _manifest.Sampling.TopP;

    public string DefaultMethod => _manifest.Decoding.Method;

    public WindowSize DefaultWindow => _manifest.Decoding.Window;

    public string DefaultInitialisation => _manifest.Decoding.Initialisation;

    /// <summary>Denoising steps of the method sjd2 unless told otherwise; null where the model was not fine-tuned to read noise.</summary>
    public int? DefaultDenoisingSteps => _manifest.Denoising?.Steps;

    /// <summary>The decoding methods that work with this model: all, but for those that have it read noise which it cannot.</summary>
    public IReadOnlyList<string> Methods { get; }

    /// <summary>Every first guess a method can start from.</summary>
    public IReadOnlyList<string> Initialisations { get; } = [.. Initialisation.All.Select(initialisation => initialisation.Name)];

    private static string Form(IEnumerable<PromptPart> parts) => string.Join(' ', parts.Select(part => part switch
    {
        PromptPart.Id id => Invariant($"{id.Value}"),
        PromptPart.Text text => $"\"{text.Template.Replace("\n", "\\n", StringComparison.Ordinal)}\"",
        PromptPart.Side { Per: 1 } side => Invariant($"{side.From}+{side.Plus}"),
        PromptPart.Side side => Invariant($"{side.From}+{side.Plus}/{side.Per}"),
        PromptPart.Fill fill => Invariant($"{fill.Value}..."),
        PromptPart.Class one => Invariant($"{one.First}+class"),
        PromptPart.Encoded encoded => encoded.Words ? "encoded(prompt)" : "encoded(nothing)",
        _ => throw new InvalidOperationException($"There is no form of {part}."),
    }));
}
