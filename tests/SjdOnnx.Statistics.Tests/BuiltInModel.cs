using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;

namespace SjdOnnx.Statistics.Tests;

/// <summary>
/// A committed model below <see cref="TextToImage"/>: it draws images under observation, and reads images to get the distributions that
/// their codes should come from.
/// </summary>
internal sealed class BuiltInModel : IDisposable
{
    // The most tokens in a pass when a finished image is read.
    private const int Chunk = 64;

    private readonly LoadedModel _model;
    private readonly ProbabilityChain _chain;
    private readonly RequestResolver _resolver;

    public BuiltInModel(string folderPath, Precision precision)
    {
        ModelFolder folder = ModelFolder.Open(folderPath, precision.Name);
        Manifest manifest = folder.Manifest;
        Provider cpu = Provider.Of(ExecutionProvider.Cpu);
        _resolver = new RequestResolver(manifest, precision, cpu, threads: 1);
        var options = new TextToImageOptions { HashVerification = HashVerification.None };
        _model = LoadedModel.Open(folder, cpu, Processor.PhysicalCores(), options);
        ResolvedRequest defaults = _resolver.CheckDefaults();
        (Sampling, Layout) = (defaults.Sampling, defaults.Layout);
        _chain = new ProbabilityChain(Sampling);
    }

    /// <summary>Captions that the model was not trained on.</summary>
    public static IReadOnlyList<string> HeldOutPrompts { get; } =
        File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "held-out-prompts.txt"));

    public TokenLayout Layout { get; }

    public SamplingOptions Sampling { get; }

    public DrawnImage Draw(
        string prompt, ulong seed, IDecodingMethod method, IWindowPolicy windows, Initialization? initialization = null)
    {
        Witness witness = Witness.Of(method, Layout);
        var decoder = new Decoder(Layout, witness, Sampling, windows, initialization);
        PromptedTransformer prompted = PromptedTransformer.For(
            witness, _model.Transformer, Read(prompt), Layout, windows.MaxDrafts, place: 0);
        Sequence sequence = decoder.Begin(prompted, new Randomness(seed));
        while (!sequence.IsComplete)
            Decoder.Advance(_model.Transformer, [sequence]);
        DecodedSequence decoded = sequence.ToDecoded();
        return new DrawnImage(prompt, [.. decoded.Codes], [.. decoded.Ids], decoded.ForwardPasses, witness);
    }

    /// <summary>Reads a finished image: the distribution of every image code given the codes before it.</summary>
    /// <returns>[image codes × codes]</returns>
    public float[][] Distributions(DrawnImage image)
    {
        var prompted = new PromptedTransformer(_model.Transformer, Read(image.Prompt), Layout, Chunk);
        var rows = new float[Layout.ImageTokens][];
        prompted.FeedPrompt();
        _model.Transformer.Run(default);
        Keep(prompted.Logits, position: 0);
        for (int start = 0; start < Layout.LastCode; start += Chunk)
        {
            int count = Math.Min(Chunk, Layout.LastCode - start);
            prompted.Feed(image.Ids.AsSpan(start, count), count, parents: []);
            _model.Transformer.Run(default);
            Keep(prompted.Logits, start + 1);
        }

        return rows;

        void Keep(Logits logits, int position)
        {
            for (int row = 0; row < logits.Rows; row++)
            {
                if (Layout.CodeIndex(position + row) is { } index)
                    _chain.Apply(logits.Conditional(row), logits.Unconditional(row), rows[index] = new float[Layout.Codes]);
            }
        }
    }

    public void Dispose() => _model.Dispose();

    private Prompt Read(string prompt)
    {
        ResolvedRequest request = _resolver.Resolve(new GenerationRequest { Prompt = prompt }, new GenerationOptions());
        return _model.Prompts.Encode(_model.Prompts.Read(request.Settings, Layout), CancellationToken.None);
    }
}

/// <param name="Prompt">What it shows, in words.</param>
/// <param name="Codes">The image codes, row by row.</param>
/// <param name="Ids">The model's ids of all tokens.</param>
/// <param name="ForwardPasses">Forward passes, not counting the prefill.</param>
/// <param name="Witness">Where the codes came from.</param>
internal sealed record DrawnImage(string Prompt, int[] Codes, int[] Ids, int ForwardPasses, Witness Witness);
