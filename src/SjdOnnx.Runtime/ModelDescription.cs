using System.Text.Json.Serialization;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Model;
using static System.FormattableString;

namespace SjdOnnx.Runtime;

/// <summary>Codes that are drawn without drafts.</summary>
/// <param name="First">At the beginning of an image, not counting the first of all.</param>
/// <param name="Last">At the end.</param>
public readonly record struct SequentialCodes(int First, int Last);

/// <summary>What a loaded model is and can do.</summary>
public sealed record ModelDescription : IModelDescription
{
    private readonly Manifest _manifest;

    internal ModelDescription(ModelFolder folder)
    {
        _manifest = folder.Manifest;
        Hash = folder.Hash;
        Precision = Precision.Parse(folder.Precision);
        Sizes = [.. _manifest.Image.Sizes.Select(size => new ImageSize(size[0], size[1]))];
        Precisions = [.. _manifest.Transformer.Precisions.Keys.Select(name => Precision.Parse(name))];
        Batches = [1, .. _manifest.Transformer.Precisions[folder.Precision].Batches.Keys.Order()];
    }

    /// <summary>Reads a folder's model.json without loading the model. Of other files only the lengths are checked.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="precision">One of the model's precisions; null takes its default.</param>
    /// <exception cref="ModelException">There is no such model, it is not whole, or it lacks the precision.</exception>
    public static ModelDescription Read(string folder, Precision? precision = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return new ModelDescription(ModelFolder.Open(folder, precision?.Name));
    }

    /// <inheritdoc/>
    public string Name => _manifest.Name;

    /// <inheritdoc/>
    public string Hash { get; }

    /// <inheritdoc/>
    public string Family => _manifest.Family;

    /// <inheritdoc/>
    public string License => _manifest.License.Id;

    /// <inheritdoc/>
    public string LicenseNotice => _manifest.License.Notice;

    /// <inheritdoc/>
    public bool AllowsCommercialUse => _manifest.License.Commercial;

    /// <summary>The negative prompt that the model reads unless the request has another; null if it reads none.</summary>
    public string? DefaultNegativePrompt => _manifest.Prompt.Negative;

    /// <summary>The rules by which prompts are rewritten; null for none.</summary>
    public string? Cleaning => _manifest.Prompt.Cleaning;

    /// <summary>The precision that was loaded, or asked for.</summary>
    public Precision Precision { get; }

    /// <summary>Every precision that the model was exported at.</summary>
    public IReadOnlyList<Precision> Precisions { get; }

    /// <summary>
    /// The sizes of batch that have a graph at this precision, rising from 1. Any number up to the last can be drawn at once.
    /// </summary>
    public IReadOnlyList<int> Batches { get; }

    /// <summary>Sizes that the model can draw; the first is the default.</summary>
    public IReadOnlyList<ImageSize> Sizes { get; }

    /// <summary>The longest prompt, in tokens of text; null if a prompt is the number of a class.</summary>
    public int? MaxPromptTokens => _manifest.TextEncoder is { } encoder
        ? encoder.Places - encoder.Ids.Count(part => part is PromptPart.Id)
        : _manifest.Tokenizer is null ? null : _manifest.Prompt.MaxTokens;

    /// <summary>The tokens of an image, for people: the ids of its codes, and the ids that end rows and images.</summary>
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

    /// <summary>Sequences that the transformer reads for each image: 2 with guidance, 1 without.</summary>
    public int Lanes => _manifest.Transformer.Lanes;

    /// <summary>Codes at the beginning and at the end of an image that are drawn without drafts.</summary>
    public SequentialCodes Sequential => _manifest.Decoding.Sequential is { } parts ? new(parts.First, parts.Last) : new(0, 0);

    /// <summary>What the transformer reads before the image, for people: token ids, and text in quotes with its placeholders.</summary>
    public string PromptForm => Form(_manifest.Prompt.Conditional);

    /// <summary>What the unconditional lane reads, in the same form: guidance leads away from it.</summary>
    public string UnconditionalForm => Form(_manifest.Prompt.Unconditional);

    /// <summary>Layers of the transformer.</summary>
    public int Layers => _manifest.Transformer.Layers;

    /// <summary>Size of the codebook.</summary>
    public int Codes => _manifest.Layout.Codes;

    /// <summary>The side of the square that a code covers, in pixels.</summary>
    public int PixelsPerCode => _manifest.Image.PixelsPerCode;

    /// <inheritdoc/>
    public long Bytes => _manifest.Bytes();

    /// <summary>Bytes of the files that are loaded to draw one image at a time at this precision.</summary>
    public long LoadedBytes
    {
        get
        {
            IEnumerable<string> graphs = [_manifest.Transformer.Precisions[Precision.Name].Graph, .. _manifest.OtherGraphs];
            IEnumerable<string> weights = graphs.SelectMany(graph => _manifest.Files[graph].Weights);
            return graphs.Concat(weights).Distinct().Sum(file => _manifest.Files[file].Bytes);
        }
    }

    /// <summary>Bytes of the keys and values of one image of the first size with the longest prompt, in all lanes.</summary>
    public long CacheBytes
    {
        get
        {
            TransformerSection transformer = _manifest.Transformer;
            int bytes = transformer.Precisions[Precision.Name].Cache == "float32" ? 4 : 2;
            long numbers = 2L * transformer.Layers * transformer.KvHeads * transformer.HeadDim; // of a token
            return bytes * numbers * transformer.Lanes * transformer.MaxPositions;
        }
    }

    /// <summary>The model's guidance.</summary>
    public float DefaultGuidance => _manifest.Sampling.Guidance;

    /// <summary>The model's temperature.</summary>
    public float DefaultTemperature => _manifest.Sampling.Temperature;

    /// <summary>The model's top-k; 0 is off.</summary>
    public int DefaultTopK => _manifest.Sampling.TopK;

    /// <summary>The model's top-p; 1 is off.</summary>
    public float DefaultTopP => _manifest.Sampling.TopP;

    /// <summary>The model's decoding method.</summary>
    [JsonConverter(typeof(MethodDescriptorJson))]
    public MethodDescriptor DefaultMethod => DecodingMethods.BuiltIn[_manifest.Decoding.Method];

    /// <summary>The model's window.</summary>
    public WindowSize DefaultWindow => _manifest.Decoding.Window;

    /// <summary>The model's first guess.</summary>
    [JsonConverter(typeof(TextJson<Initialization>))]
    public Initialization DefaultInitialization => Initialization.Parse(_manifest.Decoding.Initialization);

    /// <summary>The model's denoising steps for methods that read noise; null if it was not fine-tuned to read noise.</summary>
    public int? DefaultDenoisingSteps => _manifest.Denoising?.Steps;

    /// <summary>Whether it was fine-tuned to learn the noise of a slot from a timestep token, as <c>sjd2-published</c> needs.</summary>
    [JsonIgnore]
    public bool HasTimesteps => _manifest.Denoising is { HasTimesteps: true };

    /// <summary>Whether a method works with this model: some need a model that reads noise, and others a graph for trees.</summary>
    public bool Supports(MethodDescriptor method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return (!method.ReadsNoise || (DefaultDenoisingSteps is not null && HasTimesteps == method.HasTimesteps))
            && (!method.NeedsTree || _manifest.Transformer.Precisions[Precision.Name].Tree is not null);
    }

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
