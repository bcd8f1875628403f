using Microsoft.ML.OnnxRuntime;

namespace SjdOnnx.Peers.Engines;

/// <summary>
/// The exporter's graph in a loop over ONNX Runtime, with the cache bound once and the session options of SjdOnnx: what a pass costs
/// without an engine around it.
/// </summary>
internal sealed class BareRun : GreedyLoop
{
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();
    private readonly Dictionary<string, OrtValue> _caches = [];
    private readonly Dictionary<string, Pass> _passes = [];
    private readonly int[] _lengths;
    private Pass? _last;

    public BareRun(PeerModel model, string precision, int lanes, int threads) : base(model, lanes)
    {
        using var options = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        _session = new InferenceSession(Path.Combine(model.Exported(lanes), $"transformer.{precision}.onnx"), options);
        _lengths = new int[lanes];
        long[] shape = [1, model.KvHeads, model.Length(lanes), model.HeadDim];
        foreach (string name in _session.InputNames.Where(name => name.StartsWith("past.", StringComparison.Ordinal)))
            _caches[name] = OrtValue.CreateTensorValueFromMemory(new float[shape.Aggregate((a, b) => a * b)], shape);
    }

    public override void Dispose()
    {
        foreach (IDisposable each in (IEnumerable<IDisposable>)[.. _passes.Values, .. _caches.Values, _run, _session])
            each.Dispose();
    }

    protected override void ReadPrompts(int[][] prompts)
    {
        Array.Clear(_lengths);
        Run([.. prompts.SelectMany(prompt => prompt)], [.. prompts.Select(prompt => prompt.Length)]);
    }

    protected override void ReadTokens(ReadOnlySpan<int> tokens)
    {
        Span<int> ids = stackalloc int[tokens.Length * Lanes];
        Span<int> counts = stackalloc int[Lanes];
        for (int lane = 0; lane < Lanes; lane++)
        {
            tokens.CopyTo(ids[(lane * tokens.Length)..]);
            counts[lane] = tokens.Length;
        }

        Run(ids, counts);
    }

    protected override ReadOnlySpan<float> Logits(int lane) => _last!.Logits.AsSpan(lane * Model.Codes, Model.Codes);

    private void Run(ReadOnlySpan<int> ids, ReadOnlySpan<int> counts)
    {
        string key = string.Join(' ', counts.ToArray());
        if (!_passes.TryGetValue(key, out _last))
            _passes[key] = _last = new Pass(_session, _caches, counts, Model.Codes);
        for (int i = 0; i < ids.Length; i++)
            _last.Ids[i] = ids[i];
        for (int lane = 0; lane < Lanes; lane++)
        {
            _lengths[lane] += counts[lane];
            _last.Totals[lane][0] = _lengths[lane];
            _last.LastPlaces[lane][0] = _lengths[lane] - 1;
        }

        _session.RunWithBoundResults(_run, _last.Binding);
    }

    /// <summary>Bound inputs and outputs for one number of new tokens in each lane.</summary>
    private sealed class Pass : IDisposable
    {
        private readonly List<OrtValue> _values = [];

        public Pass(InferenceSession session, Dictionary<string, OrtValue> caches, ReadOnlySpan<int> counts, int codes)
        {
            Binding = session.CreateIoBinding();
            int lanes = counts.Length;
            Logits = new float[lanes * codes];
            long[] laneLengths = new long[lanes], rows = new long[lanes];
            long end = 0;
            for (int lane = 0; lane < lanes; lane++)
            {
                laneLengths[lane] = counts[lane];
                end += counts[lane];
                rows[lane] = end - 1;
            }

            Ids = new long[end];
            Totals = [.. rows.Select(_ => new int[1])];
            LastPlaces = [.. rows.Select(_ => new int[1])];
            Binding.BindInput("input_ids", Value(Ids, 1, end));
            Binding.BindInput("logits_rows", Value(rows, lanes));
            Binding.BindInput("lane_lengths", Value(laneLengths, lanes));
            for (int lane = 0; lane < lanes; lane++)
            {
                Binding.BindInput($"seqlens_k.{lane}", Value(LastPlaces[lane], 1));
                Binding.BindInput($"total_sequence_length.{lane}", Value(Totals[lane]));
            }

            Binding.BindOutput("logits", Value(Logits, 1, lanes, codes));
            foreach ((string name, OrtValue cache) in caches)
            {
                Binding.BindInput(name, cache);
                Binding.BindOutput(name.Replace("past.", "present.", StringComparison.Ordinal), cache);
            }
        }

        public OrtIoBinding Binding { get; }

        public long[] Ids { get; }

        public int[][] Totals { get; }

        public int[][] LastPlaces { get; }

        public float[] Logits { get; }

        public void Dispose()
        {
            Binding.Dispose();
            foreach (OrtValue value in _values)
                value.Dispose();
        }

        private OrtValue Value<T>(T[] data, params long[] shape) where T : unmanaged
        {
            _values.Add(OrtValue.CreateTensorValueFromMemory(data, shape));
            return _values[^1];
        }
    }
}
