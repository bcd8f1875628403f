using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Tests.Decoding;

/// <summary>The test model below the façade, on one thread, with tokens to feed it.</summary>
internal sealed class OpenModel : IDisposable
{
    private readonly Manifest _manifest;
    private readonly RequestResolver _resolver;

    /// <param name="folder">Null for the test model.</param>
    public OpenModel(string precision = "fp32", int pictures = 1, string? folder = null)
    {
        ModelFolder opened = ModelFolder.Open(folder ?? TestModel.Folder!, precision);
        _manifest = opened.Manifest;
        _resolver = new RequestResolver(_manifest, precision, Provider.Cpu, threads: 1);
        Loaded = LoadedModel.Open(opened, Provider.Cpu, threads: 1, HashVerification.None, pictures: pictures);
    }

    public LoadedModel Loaded { get; }

    public Transformer Transformer => Loaded.Transformer;

    public TokenLayout Layout => new()
    {
        Rows = 16,
        Columns = 16,
        FirstCode = _manifest.Layout.FirstCode,
        Codes = _manifest.Layout.Codes,
        RowSuffix = _manifest.Layout.RowSuffix,
        Suffix = _manifest.Layout.Suffix,
    };

    /// <summary>Lanes of different length.</summary>
    public Prompt Prompt(string words = "a fox above a rocket") =>
        Loaded.Prompts.Read(_resolver.Resolve(new GenerationRequest { Prompt = words }).Settings, Layout, default);

    /// <summary>The id of some code or other.</summary>
    public int Code(int i) => _manifest.Layout.FirstCode + (int)((uint)(i * 2654435761) % (uint)_manifest.Layout.Codes);

    /// <summary>The id at a position of some picture or other.</summary>
    public int Committed(int position) => Layout.ForcedId(position) ?? Code(position);

    public void Dispose() => Loaded.Dispose();

    public static float[] Conditional(Logits logits, int row) => logits.Conditional(row).ToArray();
}
