using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>The test model below <see cref="TextToImage"/>, on one thread, with tokens to feed it.</summary>
internal sealed class OpenModel : IDisposable
{
    private readonly Manifest _manifest;
    private readonly RequestResolver _resolver;

    /// <param name="precision">One of the model's precisions; null for fp32.</param>
    /// <param name="images">Images that share a pass.</param>
    /// <param name="folder">Null for the test model.</param>
    /// <param name="provider">Null for the CPU.</param>
    /// <param name="groups">Into how many parts passes are split, on a thread each.</param>
    public OpenModel(
        Precision? precision = null, int images = 1, string? folder = null, Provider? provider = null, int groups = 1)
    {
        Precision chosen = precision ?? Precision.Fp32;
        ModelFolder opened = ModelFolder.Open(folder ?? TestModel.Folder!, chosen.Name);
        _manifest = opened.Manifest;
        provider ??= Provider.Of(ExecutionProvider.Cpu);
        _resolver = new RequestResolver(_manifest, chosen, provider, threads: 1);
        var options = new TextToImageOptions { HashVerification = HashVerification.None, ExpectedBatch = images };
        Loaded = LoadedModel.Open(opened, provider, threads: groups, options, groupsOf: groups == 1 ? null : _ => groups);
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

    /// <summary>A prompt whose lanes differ in length.</summary>
    public Prompt Prompt(string words = "a fox above a rocket")
    {
        GenerationSettings settings = _resolver.Resolve(new GenerationRequest { Prompt = words }, new GenerationOptions()).Settings;
        return Loaded.Prompts.Encode(Loaded.Prompts.Read(settings, Layout), CancellationToken.None);
    }

    /// <summary>Codes of images of the usual prompt that are drawn together, by place.</summary>
    public int[][] Draw(IDecodingMethod method, int window, int images)
    {
        var decoder = new Decoder(Layout, method, new SamplingOptions { Guidance = 3 }, new FixedWindow(window));
        Sequence[] sequences =
        [
            .. Enumerable.Range(0, images).Select(place => decoder.Begin(
                PromptedTransformer.For(method, Transformer, Prompt(), Layout, window, place), new Randomness(5, (uint)place))),
        ];
        while (sequences.Where(static sequence => !sequence.IsComplete).ToArray() is { Length: > 0 } left)
            Loaded.Advance(left, failed: null, CancellationToken.None);
        return [.. sequences.Select(static sequence => sequence.ToDecoded().Codes.ToArray())];
    }

    /// <summary>The transformer with this prompt, before its prefill.</summary>
    public PromptedTransformer With(
        Prompt prompt, int maxDrafts, int branches = 0, int place = 0, bool inPairs = false) =>
        new(Transformer, prompt, Layout, maxDrafts, branches, place, inPairs);

    /// <summary>The transformer with the usual prompt, before its prefill; it reads open positions as noise.</summary>
    public NoisyTransformer Noisy(int maxDrafts, int denoisingSteps) =>
        new(Transformer, Prompt(), Layout, maxDrafts, branches: 0, place: 0, inPairs: false, denoisingSteps);

    /// <summary>Feeds the prompt and runs the pass.</summary>
    public Logits Prefill(PromptedTransformer prompted, CancellationToken cancellation = default)
    {
        prompted.FeedPrompt();
        Transformer.Run(cancellation);
        return prompted.Logits;
    }

    /// <summary>Feeds ids and runs the pass.</summary>
    public Logits Forward(
        PromptedTransformer prompted, ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents = default,
        CancellationToken cancellation = default)
    {
        prompted.Feed(ids, rows, parents);
        Transformer.Run(cancellation);
        return prompted.Logits;
    }

    /// <summary>The id of a code that differs from index to index.</summary>
    public int Code(int index) => _manifest.Layout.FirstCode + (int)((uint)(index * 2654435761) % (uint)_manifest.Layout.Codes);

    /// <summary>The id at a position of an image of such codes.</summary>
    public int Committed(int position) => Layout.ForcedId(position) ?? Code(position);

    public void Dispose() => Loaded.Dispose();

    public static float[] Conditional(Logits logits, int row) => logits.Conditional(row).ToArray();
}
