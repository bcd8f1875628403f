using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using SjdOnnx.Runtime.Tokenizers;

namespace SjdOnnx.Runtime.Model;

/// <summary>A model folder whose manifest is read and whose files, as far as one precision needs them, are there in full.</summary>
internal sealed class ModelFolder
{
    /// <summary>How every sentence about a bad folder ends.</summary>
    public const string Remedy = "Export the model again, or copy the folder again from where it came.";

    private readonly string _folder;
    private readonly SortedSet<string> _needed;

    private ModelFolder(string folder, Manifest manifest, string precision, string hash)
    {
        _folder = folder;
        Manifest = manifest;
        Precision = precision;
        Hash = hash;
        _needed = NeededFiles();
    }

    public Manifest Manifest { get; }

    /// <summary>One of the manifest's precisions.</summary>
    public string Precision { get; }

    /// <summary>
    /// SHA-256 of model.json in lower-case hex. It holds the hashes of all other files, so it names the model's very bytes.
    /// </summary>
    public string Hash { get; }

    /// <summary>Null where there is no text encoder.</summary>
    public string? TextEncoderGraph => Manifest.TextEncoder is { } encoder ? PathOf(encoder.Graph) : null;

    public string ImageGraph => PathOf(Manifest.Image.Graph);

    /// <summary>
    /// Opens a folder and checks that the files <paramref name="precision"/> needs are there with their full length.
    /// Their hashes are left to <see cref="VerifyHashes"/>.
    /// </summary>
    /// <param name="precision">Null for the model's default.</param>
    /// <exception cref="ModelException">There is no such folder, or it does not hold what its model.json says.</exception>
    public static ModelFolder Open(string folder, string? precision)
    {
        string path = Path.Combine(folder, ManifestReader.FileName);
        if (!Directory.Exists(folder))
            throw new ModelException(
                $"There is no model folder '{folder}'. Give the path of a folder that holds {ManifestReader.FileName}.");
        if (!File.Exists(path))
            throw new ModelException(
                $"The folder '{folder}' has no {ManifestReader.FileName}, so it is not a model. Give the folder that the exporter wrote.");

        byte[] json = Read(path);
        Manifest manifest = ManifestReader.Read(json);
        precision ??= manifest.Transformer.DefaultPrecision;
        if (!manifest.Transformer.Precisions.ContainsKey(precision))
        {
            throw new ModelException($"The model '{manifest.Name}' has no precision '{precision}'; it has " +
                $"{string.Join(", ", manifest.Transformer.Precisions.Keys)}. Choose one of these, or export the model at '{precision}'.");
        }
        return new ModelFolder(folder, manifest, precision, Convert.ToHexStringLower(SHA256.HashData(json)));
    }

    /// <summary>Null where a prompt is not text.</summary>
    /// <exception cref="ModelException">A file of the tokenizer is damaged, too large or of another kind.</exception>
    public TextTokenizer? OpenTokenizer() => Manifest.Tokenizer is { } section ? TextTokenizer.Open(section, ReadTokenizerFile) : null;

    /// <summary>Path of the transformer's graph for so many pictures, or for one whose tokens form trees.</summary>
    public string TransformerGraph(int pictures, bool tree) =>
        PathOf(tree ? Manifest.Transformer.Precisions[Precision].Tree! : GraphOf(pictures));

    /// <summary>SHA-256, as model.json has it, of the transformer's graph for so many pictures.</summary>
    public string TransformerHash(int pictures) => Manifest.Files[GraphOf(pictures)].Sha256;

    /// <summary>Compares the needed files with the hashes in model.json: about 1 s for 1.5 GB.</summary>
    /// <exception cref="ModelException">A file has other bytes than model.json says.</exception>
    public void VerifyHashes()
    {
        foreach (string name in _needed)
        {
            using var file = new FileStream(OpenRead(PathOf(name)), FileAccess.Read, bufferSize: 1 << 20);
            string actual = Convert.ToHexStringLower(SHA256.HashData(file));
            string expected = Manifest.Files[name].Sha256;
            if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
                throw new ModelException(
                    $"{name} is not the file model.json describes: its SHA-256 is {actual[..12]}…, not {expected[..12]}…. {Remedy}");
        }
    }

    /// <summary>The graphs, those of batches and trees among them, and the weight files they name.</summary>
    private SortedSet<string> NeededFiles()
    {
        var needed = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string file in Manifest.Tokenizer?.Files ?? [])
        {
            RequireFile(file);
            needed.Add(file);
        }

        foreach (string graph in Manifest.Transformer.Precisions[Precision].Graphs.Concat(Manifest.OtherGraphs))
        {
            RequireFile(graph);
            needed.Add(graph);
            foreach (string weights in WeightFiles(graph))
            {
                if (!Manifest.Files.ContainsKey(weights))
                    throw new ModelException(
                        $"{graph} reads its weights from '{weights}', which is not among the files of model.json. {Remedy}");
                RequireFile(weights);
                needed.Add(weights);
            }
        }
        return needed;
    }

    private SortedSet<string> WeightFiles(string graph)
    {
        try
        {
            return ExternalData.Files(Read(PathOf(graph)));
        }
        catch (InvalidDataException error)
        {
            throw new ModelException($"{graph} is not an ONNX model: {error.Message} {Remedy}", error);
        }
    }

    private void RequireFile(string name)
    {
        string path = PathOf(name);
        if (!File.Exists(path))
            throw new ModelException($"The model folder has no {name}, which model.json names. {Remedy}");

        long expected = Manifest.Files[name].Bytes;
        using SafeFileHandle file = OpenRead(path);
        long actual = RandomAccess.GetLength(file);
        if (actual != expected)
            throw new ModelException(string.Create(
                CultureInfo.InvariantCulture, $"{name} has {actual:N0} bytes; model.json says {expected:N0}. {Remedy}"));
    }

    private byte[] ReadTokenizerFile(string name) =>
        Manifest.Files[name].Bytes <= TextTokenizer.MaxFileBytes
            ? Read(PathOf(name))
            : throw new ModelException(string.Create(CultureInfo.InvariantCulture,
                $"{name} has {Manifest.Files[name].Bytes:N0} bytes; a tokenizer's file has at most {TextTokenizer.MaxFileBytes:N0}. {Remedy}"));

    private string GraphOf(int pictures)
    {
        PrecisionSection graphs = Manifest.Transformer.Precisions[Precision];
        return pictures == 1 ? graphs.Graph : graphs.Batches[pictures];
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static byte[] Read(string path)
    {
        using SafeFileHandle file = OpenRead(path);
        var bytes = new byte[RandomAccess.GetLength(file)];
        if (RandomAccess.Read(file, bytes, 0) != bytes.Length)
            throw new ModelException($"{path} changed while it was read. {Remedy}");
        return bytes;
    }

    private static SafeFileHandle OpenRead(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be read: {Sentence.Of(error)} Check the file and its permissions.", error);
        }
    }
}
