using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime;

/// <summary>
/// How far a precision's guided logits are from those of another, when both read the same picture: the one that the other precision draws.
/// </summary>
/// <param name="Precision">The precision that was compared.</param>
/// <param name="Relative">Root mean square of the differences, over that of the logits less their mean: 0.01 is one percent.</param>
/// <param name="Largest">The largest difference of two logits.</param>
/// <param name="Divergence">The mean Kullback–Leibler divergence of its probabilities from the other's, in nats a code.</param>
/// <param name="Agreement">The share of codes for which both find the same code the most probable, 0 to 1.</param>
public sealed record PrecisionError(string Precision, double Relative, double Largest, double Divergence, double Agreement)
{
    /// <summary>Logits of so many codes at the beginning of the picture are compared: more would say the same.</summary>
    public const int MostCodes = 256;

    private const int Chunk = 32;

    // The nearest to the checkpoint first.
    private static readonly string[] ByFidelity = ["fp32", "bf16", "fp16", "int8", "int4"];

    /// <summary>Compares every precision of a model with its finest. One at a time is in memory.</summary>
    /// <param name="request">What is drawn and read; method and window do not matter.</param>
    /// <param name="options">How the model is loaded; its precision does not matter.</param>
    /// <returns>The finest first, whose errors are 0.</returns>
    /// <exception cref="ModelException">The folder is not a whole model.</exception>
    /// <exception cref="ProviderException">The provider cannot run one of the precisions.</exception>
    /// <exception cref="RequestException">The model cannot draw the request.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static IReadOnlyList<PrecisionError> Measure(
        string folder, GenerationRequest request, TextToImageOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        options ??= new TextToImageOptions();
        string[] precisions =
            [.. ModelDescription.Read(folder).Precisions.OrderBy(name => Array.FindIndex(ByFidelity, known => name.StartsWith(known, StringComparison.Ordinal)))];
        int[]? ids = null;
        var errors = new List<PrecisionError>();
        float[][]? finest = null;
        foreach (string precision in precisions)
        {
            using var reading = new Reading(folder, precision, request, options);
            ids ??= reading.Draw(cancellationToken);
            float[][] logits = reading.Read(ids, cancellationToken);
            finest ??= logits;
            errors.Add(Compare(precision, finest, logits));
        }

        return errors;
    }

    private static PrecisionError Compare(string precision, float[][] finest, float[][] logits)
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

        return new PrecisionError(
            precision, spread > 0 ? Math.Sqrt(squares / spread) : 0, largest, divergence / logits.Length, (double)agreements / logits.Length);
    }

    /// <summary>A model at one precision that draws a picture or reads one.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly LoadedModel _model;
        private readonly ResolvedRequest _request;

        public Reading(string folder, string precision, GenerationRequest request, TextToImageOptions options)
        {
            Provider provider = Provider.Find(options.Provider);
            int threads = options.Threads > 0 ? options.Threads : Processor.PhysicalCores();
            ModelFolder model = ModelFolder.Open(folder, precision);
            _request = new RequestResolver(model.Manifest, precision, provider, threads).Resolve(request with { Method = "ar", Window = 0 });
            _model = LoadedModel.Open(model, provider, threads, options.HashVerification,
                CacheFolder.Find(options.CacheFolder, Environment.GetEnvironmentVariable));
        }

        public int[] Draw(CancellationToken cancellation)
        {
            PromptedTransformer prompted = Prompted(cancellation);
            var decoder = new Decoder(_request.Layout, _request.Method, _request.Sampling);
            Picture picture = decoder.Begin(prompted, new Sampling.Randomness(_request.Settings.Seed));
            while (!picture.IsComplete)
                decoder.Advance(_model.Transformer, [picture], cancellation);
            return [.. picture.ToDecoded().Ids];
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
            for (int start = 0; start < layout.LastCode && rows.Count < MostCodes; start += Chunk)
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
                for (int row = 0; row < logits.Rows && rows.Count < MostCodes; row++)
                {
                    if (!layout.IsForced(position + row))
                        rows.Add(Guided(logits, row));
                }
            }
        }

        public void Dispose() => _model.Dispose();

        private PromptedTransformer Prompted(CancellationToken cancellation) =>
            _model.Transformer.With(_model.Prompts.Read(_request.Settings, _request.Layout, cancellation), _request.Layout, Chunk);

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
