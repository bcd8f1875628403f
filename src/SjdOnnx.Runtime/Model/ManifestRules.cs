namespace SjdOnnx.Runtime.Model;

/// <summary>What must hold inside model.json, whatever the graphs say.</summary>
internal static class ManifestRules
{
    /// <summary>The most pictures in one Run.</summary>
    public const int MostPictures = 64;

    private const string Placeholder = "{prompt}";

    public static void Check(Manifest manifest)
    {
        CheckTransformer(manifest.Transformer);
        CheckPrompt(manifest.Prompt);
        CheckLayout(manifest.Layout);
        CheckImage(manifest.Image);
        CheckFiles(manifest);
        CheckPositions(manifest);
    }

    private static void CheckTransformer(TransformerSection transformer)
    {
        RequireAtLeast("transformer.layers", transformer.Layers, 1);
        RequireAtLeast("transformer.kvHeads", transformer.KvHeads, 1);
        RequireAtLeast("transformer.headDim", transformer.HeadDim, 1);
        RequireAtLeast("transformer.maxPositions", transformer.MaxPositions, 1);
        Require(transformer.Lanes is 1 or 2,
            $"transformer.lanes is {transformer.Lanes}; it can be 1 (no guidance) or 2 (conditional, unconditional)");
        Require(transformer.Precisions.ContainsKey(transformer.DefaultPrecision),
            $"transformer.defaultPrecision is '{transformer.DefaultPrecision}'; transformer.precisions has " +
            $"{Names(transformer.Precisions.Keys)}");
        foreach ((string name, PrecisionSection precision) in transformer.Precisions)
        {
            Require(precision.Cache is "float32" or "float16",
                $"transformer.precisions.{name}.cache is '{precision.Cache}'; it can be float32 or float16");
            foreach (int pictures in precision.Batches.Keys)
                Require(pictures is >= 2 and <= MostPictures,
                    $"transformer.precisions.{name}.batches has {pictures}; a batch holds 2 to {MostPictures} pictures");
        }
    }

    private static void CheckPrompt(PromptSection prompt)
    {
        RequireAtLeast("prompt.maxTokens", prompt.MaxTokens, 1);
        Require(prompt.Template.Contains(Placeholder, StringComparison.Ordinal),
            $"prompt.template is '{prompt.Template}' and has no {Placeholder}");
        Require(prompt.Conditional.Any(part => part.Id is null),
            "prompt.conditional has no \"prompt\", so the user's words would not reach the model");
        Require(prompt.Unconditional.Length > 0 && prompt.Unconditional.All(part => part.Id is not null),
            "prompt.unconditional must hold one token id or more and no \"prompt\"");
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

    /// <summary>File names are names: a path could lead out of the folder.</summary>
    private static void CheckFiles(Manifest manifest)
    {
        foreach ((string name, FileSection file) in manifest.Files)
        {
            Require(name.Length > 0 && Path.GetFileName(name) == name && name is not ("." or ".."),
                $"files has '{name}'; it must be the name of a file in the model folder, without a path");
            Require(file.Bytes >= 0 && file.Sha256.Length == 64 && file.Sha256.All(char.IsAsciiHexDigit),
                $"files.{name} needs its size in bytes and a SHA-256 of 64 hexadecimal digits");
        }
        IEnumerable<string> transformers = manifest.Transformer.Precisions.Values.SelectMany(precision => precision.Graphs);
        string[] graphs = [.. transformers, manifest.Tokenizer.Graph, manifest.Image.Graph];
        foreach (string graph in graphs)
            Require(manifest.Files.ContainsKey(graph), $"the graph '{graph}' is not among files");
    }

    private static void CheckPositions(Manifest manifest)
    {
        int fixedIds = Math.Max(manifest.Prompt.Conditional.Count(part => part.Id is not null), manifest.Prompt.Unconditional.Length);
        int pixels = manifest.Image.PixelsPerCode;
        long rows = manifest.Image.Sizes.Max(size => (long)(size[1] / pixels) * ((size[0] / pixels) + manifest.Layout.RowSuffix.Length));
        long picture = rows + manifest.Layout.Suffix.Length;
        long longest = (long)fixedIds + manifest.Prompt.MaxTokens + picture;
        Require(longest <= manifest.Transformer.MaxPositions,
            $"the longest prompt ({fixedIds} + {manifest.Prompt.MaxTokens} tokens) and the largest picture ({picture}) need " +
            $"{longest} positions; transformer.maxPositions is {manifest.Transformer.MaxPositions}");
    }

    private static void RequireAtLeast(string field, int value, int least) =>
        Require(value >= least, $"{field} is {value}; it must be at least {least}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new ModelException($"{ManifestReader.FileName}: {otherwise}. {ModelFolder.Remedy}");
    }

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal));
}
