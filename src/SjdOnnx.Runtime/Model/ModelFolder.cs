using System.Security.Cryptography;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Model;

/// <summary>A model folder whose model.json has been read. The files that one precision needs are present in full length.</summary>
internal sealed class ModelFolder
{
    private ModelFolder(string folder, Manifest manifest, string precision, string hash)
    {
        Manifest = manifest;
        Precision = precision;
        Hash = hash;
        Files = new ModelFiles(folder, manifest.Files,
            [.. manifest.Tokenizer?.Files ?? [], .. manifest.Transformer.Precisions[precision].Graphs, .. manifest.OtherGraphs]);
    }

    public Manifest Manifest { get; }

    /// <summary>One of the manifest's precisions.</summary>
    public string Precision { get; }

    /// <summary>
    /// SHA-256 of model.json in lower-case hexadecimal digits. model.json holds the hashes of all other files, so this hash identifies
    /// every byte of the model.
    /// </summary>
    public string Hash { get; }

    /// <summary>The files that the precision needs.</summary>
    public ModelFiles Files { get; }

    /// <summary>Path of the text encoder's graph; null if there is none.</summary>
    public string? TextEncoderGraph => Manifest.TextEncoder is { } encoder ? Files.PathOf(encoder.Graph) : null;

    public string ImageGraph => Files.PathOf(Manifest.Image.Graph);

    /// <summary>
    /// Opens a folder and checks that the files that <paramref name="precision"/> needs are present in full length.
    /// <see cref="ModelFiles"/> compares their hashes.
    /// </summary>
    /// <param name="precision">Null for the model's default.</param>
    /// <exception cref="ModelException">There is no such folder, or it does not hold what its model.json says.</exception>
    public static ModelFolder Open(string folder, string? precision = null)
    {
        byte[] json = ModelFiles.ReadManifest(folder);
        Manifest manifest = ManifestReader.Read(json);
        precision ??= manifest.Transformer.DefaultPrecision;
        if (!manifest.Transformer.Precisions.ContainsKey(precision))
        {
            throw new ModelException($"The model '{manifest.Name}' has no precision '{precision}'; it has " +
                $"{string.Join(", ", manifest.Transformer.Precisions.Keys)}. Choose one of these, or export the model at '{precision}'.");
        }
        return new ModelFolder(folder, manifest, precision, Convert.ToHexStringLower(SHA256.HashData(json)));
    }

    /// <summary>Opens the tokenizer; null if prompts are not text.</summary>
    /// <exception cref="ModelException">A file of the tokenizer is damaged, too large or of another kind.</exception>
    public TextTokenizer? OpenTokenizer() =>
        Manifest.Tokenizer is { } section ? TextTokenizer.Open(section, name => Files.Read(name, TextTokenizer.MaxFileBytes)) : null;

    /// <summary>Path of the transformer's graph for this many lanes, or, for 0, for one image whose tokens form a tree.</summary>
    public string TransformerGraph(int lanes)
    {
        PrecisionSection graphs = Manifest.Transformer.Precisions[Precision];
        return Files.PathOf(lanes == 0 ? graphs.Tree! : graphs.ByLanes(Manifest.Transformer.Lanes)[lanes]);
    }

    /// <summary>SHA-256 of the transformer's graph for this many images, from model.json.</summary>
    public string TransformerHash(int images)
    {
        PrecisionSection graphs = Manifest.Transformer.Precisions[Precision];
        return Manifest.Files[images == 1 ? graphs.Graph : graphs.Batches[images]].Sha256;
    }
}
