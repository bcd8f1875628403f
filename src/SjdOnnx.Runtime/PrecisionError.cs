using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Machine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime;

/// <summary>
/// How far a precision's guided logits are from those of the finest precision, when both read the same image: the one that the finest
/// draws.
/// </summary>
/// <param name="Precision">The precision that was compared.</param>
/// <param name="Relative">Root mean square of the differences, over that of the logits less their mean: 0.01 is one percent.</param>
/// <param name="Max">The largest difference of two logits.</param>
/// <param name="Divergence">The mean Kullback–Leibler divergence of its probabilities from the finest's, in nats per code.</param>
/// <param name="Agreement">The share of codes for which both find the same code most probable, 0 to 1.</param>
public sealed record PrecisionError(Precision Precision, double Relative, double Max, double Divergence, double Agreement)
{
    /// <summary>Logits of this many codes at the beginning of the image are compared.</summary>
    public const int MaxCodes = 256;

    private const int Chunk = 32;

    // The closest to the checkpoint first.
    private static readonly Precision[] ByFidelity = [Precision.Fp32, Precision.Bf16, Precision.Fp16, Precision.Int8, Precision.Int4];

    /// <summary>Compares every precision of a model with its finest. One at a time is in memory.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="request">What is drawn and read.</param>
    /// <param name="options">How it is drawn; null for the model's defaults. Method and window do not matter.</param>
    /// <param name="load">How the model is loaded; null for the defaults. Its precision does not matter.</param>
    /// <param name="cancellationToken">Ends the call within one forward pass, or when a graph that is being opened is open.</param>
    /// <returns>The finest first, whose errors are 0.</returns>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    /// <exception cref="ProviderException">The provider cannot run one of the precisions.</exception>
    /// <exception cref="RequestException">The model cannot draw the request.</exception>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static IReadOnlyList<PrecisionError> Measure(
        string folder, GenerationRequest request, GenerationOptions? options = null, TextToImageOptions? load = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        IEnumerable<Precision> precisions = ModelDescription.Read(folder).Precisions
            .OrderBy(static precision => Array.IndexOf(ByFidelity, precision) is var rank and >= 0 ? rank : ByFidelity.Length);
        int[]? ids = null;
        var errors = new List<PrecisionError>();
        float[][]? finest = null;
        foreach (Precision precision in precisions)
        {
            using var reading = new Reading(folder, precision, request, options ?? new(), load ?? new(), cancellationToken);
            ids ??= reading.Draw(cancellationToken);
            float[][] logits = reading.Read(ids, cancellationToken);
            finest ??= logits;
            errors.Add(Compare(precision, finest, logits));
        }

        return errors;
    }

    private static PrecisionError Compare(Precision precision, float[][] finest, float[][] logits)
    {
        double squares = 0, spread = 0, largest = 0, divergence = 0;
        int agreements = 0;
        float[] p = new float[finest[0].Length], q = new float[finest[0].Length], difference = new float[finest[0].Length];
        for (int row = 0; row < logits.Length; row++)
        {
            TensorPrimitives.Subtract(logits[row], finest[row], difference);
            squares += TensorPrimitives.SumOfSquares<float>(difference);
            largest = Math.Max(largest, Math.Abs(TensorPrimitives.MaxMagnitude<float>(difference)));
            double mean = TensorPrimitives.Sum<float>(finest[row]) / finest[row].Length;
            spread += TensorPrimitives.SumOfSquares<float>(finest[row]) - (mean * mean * finest[row].Length);
            TensorPrimitives.SoftMax(finest[row], p);
            TensorPrimitives.SoftMax(logits[row], q);
            for (int code = 0; code < p.Length; code++)
                divergence += p[code] > 0 ? p[code] * Math.Log(p[code] / Math.Max(q[code], float.Epsilon)) : 0;
            agreements += TensorPrimitives.IndexOfMax<float>(finest[row]) == TensorPrimitives.IndexOfMax<float>(logits[row]) ? 1 : 0;
        }

        double relative = spread > 0 ? Math.Sqrt(squares / spread) : 0;
        return new PrecisionError(precision, relative, largest, divergence / logits.Length, (double)agreements / logits.Length);
    }

    /// <summary>A model at one precision, which draws an image or reads one.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly LoadedModel _model;
        private readonly ResolvedRequest _request;

        public Reading(
            string folder, Precision precision, GenerationRequest request, GenerationOptions options, TextToImageOptions load,
            CancellationToken cancellation)
        {
            Provider provider = Provider.Of(load.Provider, load.ProviderOptions);
            int threads = load.PassThreads;
            ModelFolder model = ModelFolder.Open(folder, precision.Name);
            var resolver = new RequestResolver(model.Manifest, precision, provider, threads);
            _request = resolver.Resolve(request, options with { Method = new Autoregressive(), Window = 0 });
            string? cache = CacheFolder.Find(load.CacheFolder, Environment.GetEnvironmentVariable);
            _model = LoadedModel.Open(model, provider, threads, load, cache, cancellation: cancellation);
        }

        public int[] Draw(CancellationToken cancellation)
        {
            var decoder = new Decoder(_request.Layout, _request.Method, _request.Sampling, new FixedWindow(0));
            Sequence sequence = decoder.Begin(Prompted(cancellation), new Randomness(_request.Settings.Seed));
            while (!sequence.IsComplete)
                _model.Advance([sequence], failed: null, cancellation);
            return [.. sequence.ToDecoded().Ids];
        }

        /// <summary>Guided logits [codes read × codes], each given the codes before it.</summary>
        public float[][] Read(int[] ids, CancellationToken cancellation)
        {
            TokenLayout layout = _request.Layout;
            PromptedTransformer prompted = Prompted(cancellation);
            var rows = new List<float[]>();
            prompted.FeedPrompt();
            _model.Transformer.Run(cancellation);
            Keep(position: 0);
            for (int start = 0; start < layout.LastCode && rows.Count < MaxCodes; start += Chunk)
            {
                int count = Math.Min(Chunk, layout.LastCode - start);
                prompted.Feed(ids.AsSpan(start, count), count, parents: []);
                _model.Transformer.Run(cancellation);
                Keep(start + 1);
            }

            return [.. rows];

            void Keep(int position)
            {
                Logits logits = prompted.Logits;
                for (int row = 0; row < logits.Rows && rows.Count < MaxCodes; row++)
                {
                    if (!layout.IsForced(position + row))
                        rows.Add(Guided(logits, row));
                }
            }
        }

        public void Dispose() => _model.Dispose();

        private PromptedTransformer Prompted(CancellationToken cancellation)
        {
            Prompt prompt = _model.Prompts.Encode(_model.Prompts.Read(_request.Settings, _request.Layout), cancellation);
            return new PromptedTransformer(_model.Transformer, prompt, _request.Layout, Chunk);
        }

        private float[] Guided(Logits logits, int row)
        {
            float[] guided = logits.Conditional(row).ToArray();
            float guidance = _request.Sampling.Guidance;
            if (guidance == 1)
                return guided;
            ReadOnlySpan<float> unconditional = logits.Unconditional(row);
            TensorPrimitives.Subtract(guided, unconditional, guided);
            TensorPrimitives.MultiplyAdd(guided, guidance, unconditional, guided);
            return guided;
        }
    }
}
