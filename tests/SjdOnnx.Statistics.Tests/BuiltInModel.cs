using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;
using SjdOnnx.Sampling;

namespace SjdOnnx.Statistics.Tests;

/// <summary>The built-in model below its façade: it draws pictures under observation, and says which distributions their codes ought to come from.</summary>
internal sealed class BuiltInModel : IDisposable
{
    // The most tokens read at once when a finished picture is read back.
    private const int Chunk = 64;

    private readonly Manifest _manifest;
    private readonly LoadedModel _model;
    private readonly ProbabilityChain _chain;
    private readonly RequestResolver _resolver;

    public BuiltInModel(string folderPath, string precision)
    {
        ModelFolder folder = ModelFolder.Open(folderPath, precision);
        _manifest = folder.Manifest;
        _resolver = new RequestResolver(_manifest, precision, Provider.Cpu, threads: 1);
        _model = LoadedModel.Open(folder, Provider.Find("cpu"), Processor.PhysicalCores(), HashVerification.None);
        Sampling = new SamplingOptions
        {
            Guidance = _manifest.Sampling.Guidance,
            Temperature = _manifest.Sampling.Temperature,
            TopK = _manifest.Sampling.TopK,
            TopP = _manifest.Sampling.TopP,
        };
        _chain = new ProbabilityChain(Sampling);
        Layout = new TokenLayout
        {
            Rows = _manifest.Image.Sizes[0][1] / _manifest.Image.PixelsPerCode,
            Columns = _manifest.Image.Sizes[0][0] / _manifest.Image.PixelsPerCode,
            FirstCode = _manifest.Layout.FirstCode,
            Codes = _manifest.Layout.Codes,
            RowSuffix = _manifest.Layout.RowSuffix,
            Suffix = _manifest.Layout.Suffix,
        };
    }

    /// <summary>Captions that the model was not trained on.</summary>
    public static IReadOnlyList<string> HeldOutPrompts { get; } = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "held-out-prompts.txt"));

    public TokenLayout Layout { get; }

    public SamplingOptions Sampling { get; }

    public DrawnPicture Draw(string prompt, ulong seed, IDecodingMethod method, AutoWindow? auto = null)
    {
        var witness = new Witness(method, Layout);
        var decoder = new Decoder(Layout, witness, Sampling, auto);
        PromptedTransformer prompted = _model.Transformer.With(Read(prompt), Layout, method.WindowSize, method.Branches, method.DenoisingSteps, inPairs: Batch.ReadsInPairs(method));
        Picture picture = decoder.Begin(prompted, new Randomness(seed));
        while (!picture.IsComplete)
            decoder.Advance(_model.Transformer, [picture]);
        Decoded decoded = picture.ToDecoded();
        return new DrawnPicture(prompt, [.. decoded.Codes], [.. decoded.Ids], decoded.ForwardPasses, witness);
    }

    /// <summary>
    /// The finished picture read by the model: the distribution of every image code given the codes before it.
    /// </summary>
    /// <returns>[image codes × codes]</returns>
    public float[][] Distributions(DrawnPicture picture)
    {
        PromptedTransformer prompted = _model.Transformer.With(Read(picture.Prompt), Layout, Chunk);
        var rows = new float[Layout.ImageTokens][];
        prompted.FeedPrompt();
        _model.Transformer.Run(default);
        Keep(prompted.Logits, position: 0);
        for (int start = 0; start < Layout.LastCode; start += Chunk)
        {
            int count = Math.Min(Chunk, Layout.LastCode - start);
            prompted.Feed(picture.Ids.AsSpan(start, count), count, parents: []);
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

    private Prompt Read(string prompt) => _model.Prompts.Read(_resolver.Resolve(new GenerationRequest { Prompt = prompt }).Settings, Layout, default);
}

/// <param name="Codes">The image codes, row by row.</param>
/// <param name="Ids">The model's ids of all tokens.</param>
/// <param name="Witness">How the codes came to be.</param>
internal sealed record DrawnPicture(string Prompt, int[] Codes, int[] Ids, int ForwardPasses, Witness Witness);
