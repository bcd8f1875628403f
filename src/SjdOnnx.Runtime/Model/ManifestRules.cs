using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Model;

/// <summary>The rules that model.json must follow by itself, without the graphs.</summary>
internal static class ManifestRules
{
    /// <summary>The longest context and the longest text, in tokens. Numbers that are computed from them stay within 32 bits.</summary>
    public const int MaxPositions = 1 << 24;

    /// <summary>The most images in one run.</summary>
    public const int MaxImages = 64;

    private const float MaxSigma = 3e38f;

    /// <summary>The steps from logits to probabilities, in order. Top-k before or after the temperature gives the same result.</summary>
    public static readonly string[] SamplingOrder = ["guidance", "temperature", "topK", "topP"];

    public static void Check(Manifest manifest)
    {
        // The reader refuses null as the value of a field, but not inside a list or a dictionary.
        RequireNoNull("transformer.precisions", manifest.Transformer.Precisions.Values);
        foreach ((string name, PrecisionSection precision) in manifest.Transformer.Precisions)
            RequireNoNull($"transformer.precisions.{name}.batches", precision.Batches.Values);
        RequireNoNull("image.sizes", manifest.Image.Sizes);
        RequireNoNull("sampling.order", manifest.Sampling.Order);
        CheckNames(manifest);
        CheckTransformer(manifest.Transformer);
        PromptRules.Check(manifest);
        CheckLayout(manifest.Layout);
        CheckImage(manifest.Image);
        CheckSampling(manifest.Sampling);
        CheckDecoding(manifest.Decoding);
        CheckDenoising(manifest.Denoising);
        CheckFiles(manifest.Files, manifest.Transformer.Precisions.Values.SelectMany(precision => precision.Graphs)
            .Concat(manifest.OtherGraphs));
        if (manifest.Tokenizer is { } tokenizer)
            TokenizerRules.Check(tokenizer, manifest.Files, "bpe", "tiktoken", "unigram");
        CheckPositions(manifest);
        CheckIds(manifest, 1L << 31, "ids are numbers below 2147483648");
    }

    /// <summary>Checks the name, the family and the license of a model of any kind.</summary>
    /// <exception cref="ModelException">One of them is empty.</exception>
    public static void CheckNames(ModelManifest manifest)
    {
        RequireText("name", manifest.Name);
        RequireText("family", manifest.Family);
        RequireText("license.id", manifest.License.Id);
        RequireText("license.notice", manifest.License.Notice);
    }

    /// <summary>Checks the files of a model of any kind. A path instead of a name could lead out of the folder.</summary>
    /// <exception cref="ModelException">A file's section is wrong, or a graph is not among the files.</exception>
    public static void CheckFiles(Dictionary<string, FileSection> files, IEnumerable<string> graphs)
    {
        // The reader refuses null as the value of a field, but not inside a list or a dictionary.
        RequireNoNull("files", files.Values);
        foreach ((string name, FileSection file) in files)
        {
            RequireNoNull($"files.{name}.weights", file.Weights);
            RequireFileName("files", name);
            Require(file.Bytes >= 0 && file.Sha256.Length == 64 && file.Sha256.All(char.IsAsciiHexDigit),
                $"files.{name} needs its size in bytes, 0 or more, and a SHA-256 of 64 hexadecimal digits");
            foreach (string weights in file.Weights)
                Require(files.ContainsKey(weights), $"{name} reads its weights from '{weights}', which is not among files");
        }

        foreach (string graph in graphs)
        {
            RequireFileName("a graph", graph);
            Require(files.ContainsKey(graph), $"the graph '{graph}' is not among files");
        }
    }

    /// <summary>Checks that all ids that the transformer reads, except those of text, are below a limit.</summary>
    /// <param name="limit">The first id that is too large.</param>
    /// <param name="reason">The reason for the limit, as the second half of a sentence.</param>
    /// <exception cref="ModelException">An id is too large.</exception>
    public static void CheckIds(Manifest manifest, long limit, string reason)
    {
        LayoutSection layout = manifest.Layout;
        long last = (long)layout.FirstCode + layout.Codes - 1;
        Require(last < limit, $"layout has {layout.Codes} codes from id {layout.FirstCode} on, so the last is {last}; {reason}");
        foreach ((string field, int[] ids) in new[] { ("layout.rowSuffix", layout.RowSuffix), ("layout.suffix", layout.Suffix) })
        {
            foreach (int id in ids)
                Require(id < limit, $"{field} has the id {id}; {reason}");
        }
        CheckIds("prompt.conditional", manifest.Prompt.Conditional);
        CheckIds("prompt.unconditional", manifest.Prompt.Unconditional);

        void CheckIds(string field, PromptPart[] parts)
        {
            foreach (PromptPart part in parts)
            {
                long largest = part switch
                {
                    PromptPart.Id id => id.Value,
                    PromptPart.Fill fill => fill.Value,
                    PromptPart.Class one => (long)one.First + one.Count - 1,
                    PromptPart.Side side => side.From + (LongestSide(manifest, side.Plus) / side.Per),
                    _ => 0, // ids of the text encoder's vectors and of text are checked elsewhere
                };
                Require(largest < limit, $"{field} has {Described(part)}, whose largest id is {largest}; {reason}");
            }
        }
    }

    private static long LongestSide(Manifest manifest, string rowsOrColumns) =>
        manifest.Image.Sizes.Max(size => size[rowsOrColumns == "rows" ? 1 : 0]) / manifest.Image.PixelsPerCode;

    private static string Described(PromptPart part) => part switch
    {
        PromptPart.Fill => "a fill",
        PromptPart.Class one => $"{one.Count} classes",
        PromptPart.Side side => $"the number of {side.Plus}",
        _ => "a token",
    };

    private static void CheckTransformer(TransformerSection transformer)
    {
        RequireAtLeast("transformer.layers", transformer.Layers, 1);
        RequireAtLeast("transformer.kvHeads", transformer.KvHeads, 1);
        RequireAtLeast("transformer.headDim", transformer.HeadDim, 1);
        RequireBetween("transformer.maxPositions", transformer.MaxPositions, 1, MaxPositions);
        Require(transformer.Lanes is 1 or 2,
            $"transformer.lanes is {transformer.Lanes}; it can be 1 (no guidance) or 2 (conditional, unconditional)");
        Require(transformer.Precisions.ContainsKey(transformer.DefaultPrecision),
            $"transformer.defaultPrecision is '{transformer.DefaultPrecision}'; transformer.precisions has " +
            $"{Names(transformer.Precisions.Keys)}");
        foreach ((string name, PrecisionSection precision) in transformer.Precisions)
        {
            Require(Precision.TryParse(name, out _),
                $"transformer.precisions has '{name}'; a precision is named in lower-case letters, digits, - and _");
            foreach (string graph in precision.Graphs)
                RequireFileName($"transformer.precisions.{name}", graph);
            Require(precision.Lane is null || transformer.Lanes > 1,
                $"transformer.precisions.{name}.lane names a graph for one lane, but transformer.lanes is 1");
            Require(precision.Cache is "float32" or "float16" or "bfloat16",
                $"transformer.precisions.{name}.cache is '{precision.Cache}'; it can be float32, float16 or bfloat16");
            foreach (int images in precision.Batches.Keys)
                Require(images is >= 2 and <= MaxImages,
                    $"transformer.precisions.{name}.batches has {images}; a batch holds 2 to {MaxImages} images");
        }
    }

    private static void CheckLayout(LayoutSection layout)
    {
        RequireAtLeast("layout.firstCode", layout.FirstCode, 0);
        RequireAtLeast("layout.codes", layout.Codes, 2);
        foreach (int id in layout.RowSuffix.Concat(layout.Suffix))
            RequireAtLeast("an id in layout.rowSuffix or layout.suffix", id, 0);
    }

    private static void CheckImage(ImageSection image)
    {
        RequireAtLeast("image.pixelsPerCode", image.PixelsPerCode, 1);
        Require(image.Sizes.Length > 0, "image.sizes is empty; it needs at least one [width, height]");
        foreach (int[] size in image.Sizes)
        {
            Require(size.Length == 2 && size.All(side => side > 0 && side % image.PixelsPerCode == 0),
                $"image.sizes has [{string.Join(", ", size)}]; a size is [width, height] in multiples of image.pixelsPerCode " +
                $"{image.PixelsPerCode}");
        }
    }

    private static void CheckSampling(SamplingSection sampling)
    {
        RequireBetween("sampling.guidance", sampling.Guidance, SamplingOptions.MaxGuidance);
        RequireBetween("sampling.temperature", sampling.Temperature, SamplingOptions.MaxTemperature);
        RequireAtLeast("sampling.topK", sampling.TopK, 0);
        Require(sampling.TopP is > 0 and <= 1, $"sampling.topP is {Number(sampling.TopP)}; it must be above 0 and at most 1");
        Require(sampling.Order.SequenceEqual(SamplingOrder),
            $"sampling.order is [{string.Join(", ", sampling.Order)}]; it must be [{string.Join(", ", SamplingOrder)}]");
    }

    private static void CheckDecoding(DecodingSection decoding)
    {
        IReadOnlyList<string> methods = DecodingMethods.BuiltIn.Names;
        Require(methods.Contains(decoding.Method), $"decoding.method is '{decoding.Method}'; it can be {Names(methods)}");
        IEnumerable<string> initializations = Initialization.All.Select(initialization => initialization.Name);
        Require(initializations.Contains(decoding.Initialization),
            $"decoding.initialization is '{decoding.Initialization}'; it can be {Names(initializations)}");
        RequireBetween("decoding.window", decoding.Window.Drafts ?? 0, 0, FixedWindow.Max);
        if (decoding.Sequential is not { } sequential)
            return;
        RequireAtLeast("decoding.sequential.first", sequential.First, 0);
        RequireAtLeast("decoding.sequential.last", sequential.Last, 0);
    }

    private static void CheckDenoising(DenoisingSection? denoising)
    {
        if (denoising is null)
            return;
        RequireBetween("denoising.steps", denoising.Steps, 1, FixedWindow.Max);
        RequireAtLeast("denoising.hidden", denoising.Hidden, 1);
        Require(denoising.Normalization is "channel", $"denoising.normalization is '{denoising.Normalization}'; it can be channel");
        Require(denoising.Levels is "added" or "untold" or "token",
            $"denoising.levels is '{denoising.Levels}'; it can be added, untold or token");
        (float[] alpha, float[] sigma) = (denoising.Alpha, denoising.Sigma);
        Require(alpha.Length >= 2 && alpha.Length == sigma.Length,
            $"denoising.alpha has {alpha.Length} values and denoising.sigma {sigma.Length}; both need as many, 2 or more");
        Require(alpha[0] == 1 && sigma[0] == 0,
            $"denoising.alpha begins with {Number(alpha[0])} and denoising.sigma with {Number(sigma[0])}; level 0 is a code, so they " +
            "must begin with 1 and 0");
        Require(alpha[^1] == 0, $"denoising.alpha ends with {Number(alpha[^1])}; level 1 is noise alone, so it must end with 0");
        for (int level = 1; level < alpha.Length; level++)
        {
            // written so that NaN fails too
            Require(alpha[level] < alpha[level - 1],
                $"denoising.alpha goes from {Number(alpha[level - 1])} to {Number(alpha[level])} at entry {level}; it must fall all the " +
                "way");
            Require(sigma[level] > sigma[level - 1] && sigma[level] <= MaxSigma,
                $"denoising.sigma goes from {Number(sigma[level - 1])} to {Number(sigma[level])} at entry {level}; it must rise all the " +
                $"way, to a number of at most {Number(MaxSigma)}");
        }
    }

    private static void CheckPositions(Manifest manifest)
    {
        int pixels = manifest.Image.PixelsPerCode;
        long rows = manifest.Image.Sizes.Max(size => (long)(size[1] / pixels) * ((size[0] / pixels) + manifest.Layout.RowSuffix.Length));
        long image = rows + manifest.Layout.Suffix.Length;
        long prompt = Math.Max(Longest(manifest.Prompt.Conditional), Longest(manifest.Prompt.Unconditional));
        long longest = prompt + image;
        Require(longest <= manifest.Transformer.MaxPositions,
            $"the longest prompt ({prompt} tokens) and the largest image ({image}) need {longest} positions; transformer.maxPositions " +
            $"is {manifest.Transformer.MaxPositions}");

        long Longest(PromptPart[] parts) => parts.Sum(part => part switch
        {
            PromptPart.Text or PromptPart.Fill => 0L, // all text together is added below; a fill makes no lane longer than the other
            PromptPart.Encoded => manifest.TextEncoder!.Places,
            _ => 1,
        }) + (parts.Any(part => part is PromptPart.Text) ? manifest.Prompt.MaxTokens : 0);
    }
}
