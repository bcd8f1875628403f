using System.Globalization;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Tokenizers;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Model;

/// <summary>What must hold inside model.json, whatever the graphs say.</summary>
internal static class ManifestRules
{
    /// <summary>The largest context and the longest text, in tokens: what is computed from them stays within 32 bits.</summary>
    private const int MostPositions = 1 << 24;

    /// <summary>The most pictures in one Run.</summary>
    public const int MostPictures = 64;

    private const float MostSigma = 3e38f;

    /// <summary>How logits become probabilities. Whether top-k comes before or after the temperature makes no difference.</summary>
    public static readonly string[] SamplingOrder = ["guidance", "temperature", "topK", "topP"];

    /// <summary>What text in a prompt may have in braces.</summary>
    private static readonly string[] Placeholders = ["{prompt}", "{negative}", "{width}", "{height}", "{rows}", "{columns}"];

    private const int MaxCodePoint = 0x10FFFF;

    public static void Check(Manifest manifest)
    {
        // The reader refuses null as the value of a field, but not inside a list or a dictionary.
        RequireNoNull("transformer.precisions", manifest.Transformer.Precisions.Values);
        foreach ((string name, PrecisionSection precision) in manifest.Transformer.Precisions)
            RequireNoNull($"transformer.precisions.{name}.batches", precision.Batches.Values);
        RequireNoNull("image.sizes", manifest.Image.Sizes);
        RequireNoNull("sampling.order", manifest.Sampling.Order);
        RequireNoNull("files", manifest.Files.Values);
        foreach ((string name, FileSection file) in manifest.Files)
            RequireNoNull($"files.{name}.weights", file.Weights);
        RequireText("name", manifest.Name);
        RequireText("family", manifest.Family);
        RequireText("license.id", manifest.License.Id);
        RequireText("license.notice", manifest.License.Notice);
        CheckTransformer(manifest.Transformer);
        CheckTokenizer(manifest.Tokenizer);
        CheckTextEncoder(manifest);
        CheckPrompt(manifest);
        CheckLayout(manifest.Layout);
        CheckImage(manifest.Image);
        CheckSampling(manifest.Sampling);
        CheckDecoding(manifest.Decoding);
        CheckDenoising(manifest.Denoising);
        CheckFiles(manifest);
        CheckPositions(manifest);
        CheckIds(manifest, 1L << 31, "ids are numbers below 2147483648");
    }

    /// <summary>Checks that all ids that the transformer reads, but for those of text, are below a limit.</summary>
    /// <param name="limit">The first id that is too large.</param>
    /// <param name="reason">Why, as the second half of a sentence.</param>
    /// <exception cref="ModelException">One is not.</exception>
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
                    _ => 0, // what a text encoder makes of words stands behind the embedding, and text is the tokenizer's
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
        RequireBetween("transformer.maxPositions", transformer.MaxPositions, 1, MostPositions);
        Require(transformer.Lanes is 1 or 2,
            $"transformer.lanes is {transformer.Lanes}; it can be 1 (no guidance) or 2 (conditional, unconditional)");
        Require(transformer.Precisions.ContainsKey(transformer.DefaultPrecision),
            $"transformer.defaultPrecision is '{transformer.DefaultPrecision}'; transformer.precisions has " +
            $"{Names(transformer.Precisions.Keys)}");
        foreach ((string name, PrecisionSection precision) in transformer.Precisions)
        {
            foreach (string graph in precision.Graphs)
                RequireFileName($"transformer.precisions.{name}", graph);
            Require(precision.Cache is "float32" or "float16" or "bfloat16",
                $"transformer.precisions.{name}.cache is '{precision.Cache}'; it can be float32, float16 or bfloat16");
            foreach (int pictures in precision.Batches.Keys)
                Require(pictures is >= 2 and <= MostPictures,
                    $"transformer.precisions.{name}.batches has {pictures}; a batch holds 2 to {MostPictures} pictures");
        }
    }

    private static void CheckTokenizer(TokenizerSection? tokenizer)
    {
        if (tokenizer is null)
            return;
        Require(tokenizer.Kind is "bpe" or "tiktoken" or "unigram", $"tokenizer.kind is '{tokenizer.Kind}'; it can be bpe, tiktoken or unigram");
        Require(tokenizer.Kind == "bpe" || tokenizer.Merges is null,
            $"tokenizer.merges names a file, and tokenizer.kind is {tokenizer.Kind}; only bpe has merges");
        RequireNoNull("tokenizer.normalizers", tokenizer.Normalizers);
        foreach (string name in tokenizer.Normalizers)
        {
            Require(TextTokenizer.NormalizerNames.Contains(name),
                $"tokenizer.normalizers has '{name}'; it can have {Names(TextTokenizer.NormalizerNames)}");
        }

        RequireNoNull("tokenizer.splits", tokenizer.Splits);
        Require(tokenizer.Splits.All(split => split.Length > 0), "tokenizer.splits has an empty expression, which would match nothing");
        RequireNoNull("tokenizer.standIns", tokenizer.StandIns);
        Require(tokenizer.StandIns.All(named => named is [> char.MaxValue and <= MaxCodePoint, > char.MaxValue and <= MaxCodePoint, >= 0 and <= char.MaxValue]
                && named[0] <= named[1]),
            "tokenizer.standIns must hold the first and last of characters past U+FFFF, and one up to U+FFFF that stands for them");
        Require(tokenizer.Characters.All(pair => pair.Key.Length == 1 && !char.IsSurrogate(pair.Key[0]) && pair.Value >= 0),
            "tokenizer.characters must hold single characters and their ids, 0 or more");
        Require(tokenizer.UnknownId is null or >= 0, $"tokenizer.unknownId is {tokenizer.UnknownId}; it must be 0 or more");
    }

    private static void CheckTextEncoder(Manifest manifest)
    {
        if (manifest.TextEncoder is not { } encoder)
            return;
        RequireBetween("textEncoder.places", encoder.Places, 1, MostPositions);
        RequireAtLeast("textEncoder.firstId", encoder.FirstId, 0);
        Require(encoder.Ids.All(part => part is PromptPart.Id or PromptPart.Text) && Speaks(encoder.Ids),
            "textEncoder.ids must hold token ids and text, with {prompt} somewhere");
        CheckParts(manifest, "textEncoder.ids", encoder.Ids);
        Require(manifest.Transformer.Precisions.Values.All(precision => precision.Batches.Count == 0),
            "transformer.precisions has batches, which a model with a text encoder cannot have");
    }

    private static void CheckPrompt(Manifest manifest)
    {
        PromptSection prompt = manifest.Prompt;
        RequireBetween("prompt.maxTokens", prompt.MaxTokens, 1, MostPositions);
        Require(Speaks(prompt.Conditional),
            "prompt.conditional has no text with {prompt}, no class and no encoded prompt, so the user's words would not reach the model");
        Require(prompt.Unconditional.Length > 0 && !Speaks(prompt.Unconditional),
            "prompt.unconditional must hold one element or more and nothing of the prompt");
        Require(prompt.Conditional.All(part => part is not PromptPart.Fill), "prompt.conditional has a fill, which belongs in prompt.unconditional");
        Require(prompt.Unconditional.Count(part => part is PromptPart.Fill) <= 1, "prompt.unconditional has more than one fill");
        Require(prompt.Cleaning is null || PromptCleaning.Names.Contains(prompt.Cleaning),
            $"prompt.cleaning is '{prompt.Cleaning}'; it can be null or {Names(PromptCleaning.Names)}");
        CheckParts(manifest, "prompt", prompt.Conditional.Concat(prompt.Unconditional));
    }

    private static void CheckParts(Manifest manifest, string section, IEnumerable<PromptPart> parts)
    {
        foreach (PromptPart part in parts)
        {
            switch (part)
            {
                case PromptPart.Id id:
                    RequireAtLeast($"a token id in {section}", id.Value, 0);
                    break;
                case PromptPart.Fill fill:
                    RequireAtLeast($"fill in {section}", fill.Value, 0);
                    break;
                case PromptPart.Side side:
                    Require(side is { From: >= 0, Plus: "rows" or "columns", Per: >= 1 },
                        $"{section} has from {side.From}, plus {side.Plus}, per {side.Per}; from is an id, plus is rows or columns, " +
                        "per is 1 or more");
                    break;
                case PromptPart.Class one:
                    Require(one is { First: >= 0, Count: >= 1 },
                        $"{section} has class {one.First} of {one.Count}; both are whole numbers, of is 1 or more");
                    break;
                case PromptPart.Encoded:
                    Require(manifest.TextEncoder is not null, $"{section} has an encoded part, and there is no textEncoder");
                    break;
                case PromptPart.Text text:
                    CheckText(manifest, section, text.Template);
                    break;
            }
        }
    }

    private static void CheckText(Manifest manifest, string section, string template)
    {
        Require(manifest.Tokenizer is not null, $"{section} has text, and there is no tokenizer");
        Require(manifest.Prompt.Negative is not null || !template.Contains("{negative}", StringComparison.Ordinal),
            $"{section} has text with {{negative}}, and prompt.negative is null");
        string rest = Placeholders.Aggregate(template, static (text, name) => text.Replace(name, "", StringComparison.Ordinal));
        Require(!rest.AsSpan().ContainsAny('{', '}'), $"{section} has the text '{template}'; braces are for {string.Join(", ", Placeholders)} alone");
    }

    private static bool Speaks(IEnumerable<PromptPart> parts) => parts.Any(part => part
        is PromptPart.Class or PromptPart.Encoded(Words: true) || (part is PromptPart.Text text && text.Template.Contains("{prompt}", StringComparison.Ordinal)));

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
        RequireBetween("sampling.guidance", sampling.Guidance, SamplingOptions.LargestGuidance);
        RequireBetween("sampling.temperature", sampling.Temperature, SamplingOptions.LargestTemperature);
        RequireAtLeast("sampling.topK", sampling.TopK, 0);
        Require(sampling.TopP is > 0 and <= 1, $"sampling.topP is {Number(sampling.TopP)}; it must be above 0 and at most 1");
        Require(sampling.Order.SequenceEqual(SamplingOrder),
            $"sampling.order is [{string.Join(", ", sampling.Order)}]; it must be [{string.Join(", ", SamplingOrder)}]");
    }

    private static void CheckDecoding(DecodingSection decoding)
    {
        Require(DecodingMethods.Names.Contains(decoding.Method),
            $"decoding.method is '{decoding.Method}'; it can be {Names(DecodingMethods.Names)}");
        IEnumerable<string> initialisations = Initialisation.All.Select(initialisation => initialisation.Name);
        Require(initialisations.Contains(decoding.Initialisation),
            $"decoding.initialisation is '{decoding.Initialisation}'; it can be {Names(initialisations)}");
        RequireBetween("decoding.window", decoding.Window.Drafts ?? 0, 0, DecodingOptions.LargestWindow);
        if (decoding.Sequential is not { } sequential)
            return;
        RequireAtLeast("decoding.sequential.first", sequential.First, 0);
        RequireAtLeast("decoding.sequential.last", sequential.Last, 0);
    }

    private static void CheckDenoising(DenoisingSection? denoising)
    {
        if (denoising is null)
            return;
        RequireBetween("denoising.steps", denoising.Steps, 1, DecodingOptions.LargestWindow);
        RequireAtLeast("denoising.hidden", denoising.Hidden, 1);
        Require(denoising.Normalisation is "channel", $"denoising.normalisation is '{denoising.Normalisation}'; it can be channel");
        Require(denoising.Levels is "added" or "untold", $"denoising.levels is '{denoising.Levels}'; it can be added or untold");
        (float[] alpha, float[] sigma) = (denoising.Alpha, denoising.Sigma);
        Require(alpha.Length >= 2 && alpha.Length == sigma.Length,
            $"denoising.alpha has {alpha.Length} values and denoising.sigma {sigma.Length}; both need as many, 2 or more");
        Require(alpha[0] == 1 && sigma[0] == 0,
            $"denoising.alpha begins with {Number(alpha[0])} and denoising.sigma with {Number(sigma[0])}; level 0 is a code, so they " +
            "must begin with 1 and 0");
        Require(alpha[^1] == 0, $"denoising.alpha ends with {Number(alpha[^1])}; level 1 is noise alone, so it must end with 0");
        for (int level = 1; level < alpha.Length; level++)
        {
            // written so that NaN fails, too
            Require(alpha[level] < alpha[level - 1],
                $"denoising.alpha goes from {Number(alpha[level - 1])} to {Number(alpha[level])} at entry {level}; it must fall all the way");
            Require(sigma[level] > sigma[level - 1] && sigma[level] <= MostSigma,
                $"denoising.sigma goes from {Number(sigma[level - 1])} to {Number(sigma[level])} at entry {level}; it must rise all the " +
                $"way, to a number of at most {Number(MostSigma)}");
        }
    }

    private static string Number(float value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>File names are names: a path could lead out of the folder.</summary>
    private static void CheckFiles(Manifest manifest)
    {
        foreach ((string name, FileSection file) in manifest.Files)
        {
            RequireFileName("files", name);
            Require(file.Bytes >= 0 && file.Sha256.Length == 64 && file.Sha256.All(char.IsAsciiHexDigit),
                $"files.{name} needs its size in bytes, 0 or more, and a SHA-256 of 64 hexadecimal digits");
            foreach (string weights in file.Weights)
                Require(manifest.Files.ContainsKey(weights), $"{name} reads its weights from '{weights}', which is not among files");
        }
        IEnumerable<string> transformers = manifest.Transformer.Precisions.Values.SelectMany(precision => precision.Graphs);
        foreach (string graph in manifest.OtherGraphs)
            RequireFileName("a graph", graph);
        foreach (string graph in transformers.Concat(manifest.OtherGraphs))
            Require(manifest.Files.ContainsKey(graph), $"the graph '{graph}' is not among files");
        foreach (string file in manifest.Tokenizer?.Files ?? [])
        {
            RequireFileName("tokenizer", file);
            Require(manifest.Files.TryGetValue(file, out FileSection? section), $"the tokenizer's file '{file}' is not among files");
            // Before it is hashed.
            Require(section!.Bytes <= TextTokenizer.MaxFileBytes, string.Create(CultureInfo.InvariantCulture,
                $"the tokenizer's file '{file}' has {section.Bytes:N0} bytes; it may have at most {TextTokenizer.MaxFileBytes:N0}"));
        }
    }

    private static void CheckPositions(Manifest manifest)
    {
        int pixels = manifest.Image.PixelsPerCode;
        long rows = manifest.Image.Sizes.Max(size => (long)(size[1] / pixels) * ((size[0] / pixels) + manifest.Layout.RowSuffix.Length));
        long picture = rows + manifest.Layout.Suffix.Length;
        long prompt = Math.Max(Longest(manifest.Prompt.Conditional), Longest(manifest.Prompt.Unconditional));
        long longest = prompt + picture;
        Require(longest <= manifest.Transformer.MaxPositions,
            $"the longest prompt ({prompt} tokens) and the largest picture ({picture}) need {longest} positions; transformer.maxPositions is " +
            $"{manifest.Transformer.MaxPositions}");

        long Longest(PromptPart[] parts) => parts.Sum(part => part switch
        {
            PromptPart.Text or PromptPart.Fill => 0L, // text all together is below; a fill makes no lane longer than the other
            PromptPart.Encoded => manifest.TextEncoder!.Places,
            _ => 1,
        }) + (parts.Any(part => part is PromptPart.Text) ? manifest.Prompt.MaxTokens : 0);
    }

    private static void RequireFileName(string field, string name) =>
        Require(name.Length > 0 && !name.AsSpan().ContainsAny('/', '\\') && name is not ("." or ".."),
            $"{field} has '{name}'; it must be the name of a file in the model folder, without a path");

    private static void RequireNoNull(string field, IEnumerable<object?> values) =>
        Require(!values.Contains(null), $"{field} has null as a value");

    private static void RequireText(string field, string text) => Require(text.Length > 0, $"{field} is empty; it must be text");

    private static void RequireBetween(string field, int value, int least, int most) =>
        Require(value >= least && value <= most, $"{field} is {value}; it must be at least {least} and at most {most}");

    private static void RequireBetween(string field, float value, float most) => // written so that NaN fails, too
        Require(value >= 0 && value <= most, $"{field} is {Number(value)}; it must be at least 0 and at most {Number(most)}");

    private static void RequireAtLeast(string field, int value, int least) =>
        Require(value >= least, $"{field} is {value}; it must be at least {least}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new ModelException($"{ManifestReader.FileName}: {otherwise}. {ModelFolder.Remedy}");
    }

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal));
}
