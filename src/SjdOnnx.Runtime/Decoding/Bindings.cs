using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// The tensors of a pass other than the cache, and one binding for each shape of pass. All shapes look at the same memory, so a pass of a
/// shape seen before allocates nothing and copies nothing.
/// </summary>
internal sealed class Bindings : IDisposable
{
    private readonly NativeTensors _tensors;
    private readonly Session _session;
    private readonly KeyValueCache _cache;
    private readonly bool _sharesMemory;
    private readonly int _codes;
    private readonly long[] _inputIds;
    private readonly long[] _logitsRows;
    private readonly float[] _logits;
    private readonly long[] _laneLengths;
    private readonly int[][] _seqLensK;
    private readonly int[][] _totals;
    private readonly List<(string Name, NativeTensor Tensor)> _laneInputs = [];
    private readonly Dictionary<(int Tokens, int Rows), Binding> _bindings = [];

    /// <param name="tokens">The most new tokens of a pass, all lanes together.</param>
    /// <param name="rows">The most rows of logits of a pass, all lanes together.</param>
    /// <param name="sharesMemory">Whether the provider reads bound inputs where they lie. Others copy them when they are bound, so they
    /// must be bound again for every pass.</param>
    public Bindings(
        NativeTensors tensors, Session session, KeyValueCache cache, int lanes, int codes, int tokens, int rows, bool sharesMemory)
    {
        (_tensors, _session, _cache, _codes, _sharesMemory) = (tensors, session, cache, codes, sharesMemory);
        (Tokens, Rows) = (tokens, rows);
        // Pinned for good: bindings hold the addresses.
        _inputIds = GC.AllocateArray<long>(tokens, pinned: true);
        _logitsRows = GC.AllocateArray<long>(rows, pinned: true);
        _logits = GC.AllocateArray<float>(rows * codes, pinned: true);
        _laneLengths = GC.AllocateArray<long>(lanes, pinned: true);
        _seqLensK = new int[lanes][];
        _totals = new int[lanes][];
        _laneInputs.Add((GraphContract.LaneLengths, tensors.Over(_laneLengths, lanes)));
        for (var lane = 0; lane < lanes; lane++)
        {
            _seqLensK[lane] = GC.AllocateArray<int>(1, pinned: true);
            _totals[lane] = GC.AllocateArray<int>(1, pinned: true);
            _laneInputs.Add((GraphContract.SeqLensK(lane), tensors.Over(_seqLensK[lane], 1)));
            _laneInputs.Add((GraphContract.TotalSequenceLength(lane), tensors.Over(_totals[lane])));
        }
    }

    public int Tokens { get; }

    public int Rows { get; }

    /// <summary>The new tokens, one lane after another.</summary>
    public Span<long> InputIds => _inputIds;

    /// <summary>Which rows of the new tokens' logits are wanted.</summary>
    public Span<long> LogitsRows => _logitsRows;

    /// <summary>The wanted rows, one after another, after a pass.</summary>
    public ReadOnlyMemory<float> Logits => _logits;

    /// <param name="newTokens">Tokens of this lane in this pass.</param>
    /// <param name="total">Valid length of the lane's cache after this pass.</param>
    public void SetLane(int lane, int newTokens, int total)
    {
        _laneLengths[lane] = newTokens;
        _seqLensK[lane][0] = total - 1;
        _totals[lane][0] = total;
    }

    /// <summary>The binding for a pass of this shape; the inputs must be filled.</summary>
    public OrtIoBinding For(int tokens, int rows)
    {
        if (!_bindings.TryGetValue((tokens, rows), out Binding? binding))
            _bindings[(tokens, rows)] = binding = Bind(tokens, rows);
        if (!_sharesMemory)
            BindInputs(binding);
        return binding.Io;
    }

    public void Dispose()
    {
        foreach (Binding binding in _bindings.Values)
            binding.Dispose();
        foreach ((_, NativeTensor tensor) in _laneInputs)
            tensor.Dispose();
    }

    private Binding Bind(int tokens, int rows)
    {
        var binding = new Binding(
            _session.Inference.CreateIoBinding(),
            _tensors.Over(_inputIds, 1, tokens),
            _tensors.Over(_logitsRows, rows),
            _tensors.Over(_logits, 1, rows, _codes));
        BindInputs(binding);
        binding.Io.BindOutput(GraphContract.Logits, binding.Logits.Value);
        _cache.BindTo(binding.Io);
        return binding;
    }

    private void BindInputs(Binding binding)
    {
        binding.Io.BindInput(GraphContract.InputIds, binding.InputIds.Value);
        binding.Io.BindInput(GraphContract.LogitsRows, binding.LogitsRows.Value);
        foreach ((string name, NativeTensor tensor) in _laneInputs)
            binding.Io.BindInput(name, tensor.Value);
    }

    private sealed record Binding(OrtIoBinding Io, NativeTensor InputIds, NativeTensor LogitsRows, NativeTensor Logits) : IDisposable
    {
        public void Dispose()
        {
            Io.Dispose();
            InputIds.Dispose();
            LogitsRows.Dispose();
            Logits.Dispose();
        }
    }
}
