using LLama;
using LLama.Common;
using LLama.Native;

namespace SjdOnnx.Peers.Engines;

/// <summary>
/// llama.cpp through LLamaSharp: lanes are sequences of one batch, and only their last tokens ask for logits. At int8 it has its defaults,
/// a half-precision cache and flash attention. At fp32 both would round, so that tokens differ, and are no faster.
/// </summary>
internal sealed class LlamaCpp : GreedyLoop
{
    private readonly LLamaWeights _weights;
    private readonly LLamaContext _context;
    private readonly LLamaBatch _batch = new();
    private readonly int[] _lengths;
    private readonly int[] _rows;

    public LlamaCpp(PeerModel model, string precision, int lanes, int threads) : base(model, lanes)
    {
        NativeLibraryConfig.All.WithLogCallback((_, _) => { });
        bool exact = precision == "fp32";
        GGMLType? cache = exact ? GGMLType.GGML_TYPE_F32 : null;
        var parameters = new ModelParams(Path.Combine(model.Folder, $"{precision}.gguf"))
        {
            ContextSize = (uint)(lanes * model.MaxPositions),
            SeqMax = (uint)lanes,
            Threads = threads,
            BatchThreads = threads,
            GpuLayerCount = 0,
            TypeK = cache,
            TypeV = cache,
            FlashAttention = exact ? false : null,
        };
        _weights = LLamaWeights.LoadFromFile(parameters);
        _context = _weights.CreateContext(parameters);
        (_lengths, _rows) = (new int[lanes], new int[lanes]);
    }

    public override void Dispose()
    {
        _context.Dispose();
        _weights.Dispose();
    }

    protected override void ReadPrompts(int[][] prompts)
    {
        _context.NativeHandle.MemoryClear();
        Array.Clear(_lengths);
        _batch.Clear();
        for (int lane = 0; lane < Lanes; lane++)
            Add(lane, prompts[lane]);
        Decode();
    }

    protected override void ReadTokens(ReadOnlySpan<int> tokens)
    {
        _batch.Clear();
        for (int lane = 0; lane < Lanes; lane++)
            Add(lane, tokens);
        Decode();
    }

    protected override ReadOnlySpan<float> Logits(int lane) =>
        _context.NativeHandle.GetLogitsIth(_rows[lane]).Slice(Model.FirstCode, Model.Codes);

    private void Add(int lane, ReadOnlySpan<int> tokens)
    {
        for (int i = 0; i < tokens.Length; i++)
            _rows[lane] = _batch.Add(tokens[i], _lengths[lane]++, (LLamaSeqId)lane, logits: i == tokens.Length - 1);
    }

    private void Decode()
    {
        DecodeResult result = _context.Decode(_batch);
        if (result != DecodeResult.Ok)
            throw new InvalidOperationException($"llama.cpp returned {result} for a batch of {_batch.TokenCount} tokens.");
    }
}
