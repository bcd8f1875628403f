using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>Inputs and outputs of a pass, in memory that .NET and ONNX Runtime share, with one lane after another.</summary>
internal sealed class PassBuffers : IDisposable
{
    private readonly long[] _inputIds;
    private readonly long[] _logitsRows;
    private readonly float[] _logits;
    private readonly long[] _laneLengths;
    private readonly int[][] _seqLensK;
    private readonly int[][] _totals;
    private readonly long[][] _positionIds;
    private readonly float[][] _attentionBias;
    private readonly float[] _condition;
    private readonly long[] _positionOffset;
    private readonly float[] _denoising;
    private readonly float[] _noNoise; // one row for all tokens: the graph then reads ids alone
    private readonly float[] _noDenoising;
    private readonly int _maxTokens;
    private readonly int _noiseChannels;
    private float[] _noisy = []; // the next two are large, so they are allocated when noise is first read
    private float[] _denoised = [];
    private readonly int _codes;
    private readonly bool _tree;
    private Condition? _conditioned; // whose vectors lie in _condition

    /// <param name="lanes">Lanes of the graph.</param>
    /// <param name="tokens">The most new tokens of a lane.</param>
    /// <param name="rows">The most rows of logits of a lane.</param>
    /// <param name="tree">Whether the new tokens of a lane may form a tree.</param>
    /// <param name="conditionRows">The most vectors of a text encoder; 0 where there is none.</param>
    /// <param name="hidden">Their width.</param>
    /// <param name="noiseChannels">Channels of an embedding that can be noise; 0 where the graph reads none.</param>
    public PassBuffers(
        NativeTensors tensors, int lanes, int tokens, int rows, int codes, bool tree, int conditionRows, int hidden, int noiseChannels)
    {
        (_codes, _tree, _noiseChannels) = (codes, tree, noiseChannels);
        _inputIds = Pinned<long>(lanes * tokens);
        _logitsRows = Pinned<long>(lanes * rows);
        _logits = Pinned<float>(checked(lanes * rows * codes));
        _laneLengths = Pinned<long>(lanes);
        _seqLensK = ForEachLane(() => Pinned<int>(1));
        _totals = ForEachLane(() => Pinned<int>(1));
        _positionIds = ForEachLane(() => Pinned<long>(tree ? tokens : 0));
        _attentionBias = ForEachLane(() => Pinned<float>(tree ? tokens * tokens : 0));
        _condition = Pinned<float>(conditionRows * hidden);
        _positionOffset = Pinned<long>(1);
        _maxTokens = lanes * tokens;
        _denoising = Pinned<float>(noiseChannels == 0 ? 0 : _maxTokens * GraphContract.DenoisingFields);
        _noNoise = Pinned<float>(noiseChannels);
        _noDenoising = Pinned<float>(GraphContract.DenoisingFields);

        var inputs = new List<(string Name, NativeTensor Tensor)> { (GraphContract.LaneLengths, tensors.Over(_laneLengths, lanes)) };
        for (var lane = 0; lane < lanes; lane++)
        {
            inputs.Add((GraphContract.SeqLensK(lane), tensors.Over(_seqLensK[lane], 1)));
            inputs.Add((GraphContract.TotalSequenceLength(lane), tensors.Over(_totals[lane])));
        }
        if (conditionRows > 0)
        {
            inputs.Add((GraphContract.Condition, tensors.Over(_condition, conditionRows, hidden)));
            inputs.Add((GraphContract.PositionOffset, tensors.Over(_positionOffset, 1)));
        }
        OfFixedShape = inputs;

        T[] ForEachLane<T>(Func<T> make) => [.. Enumerable.Range(0, lanes).Select(_ => make())];
    }

    /// <summary>Inputs whose shape is the same in every pass.</summary>
    public IReadOnlyList<(string Name, NativeTensor Tensor)> OfFixedShape { get; }

    /// <summary>Lanes of the pass so far.</summary>
    public int Lanes { get; private set; }

    /// <summary>Tokens of the pass so far.</summary>
    public int Tokens { get; private set; }

    /// <summary>Rows of logits that the pass so far computes.</summary>
    public int Rows { get; private set; }

    /// <summary>Whether an image of the pass so far reads noise.</summary>
    public bool ReadsNoise { get; private set; }

    /// <summary>Begins a new pass.</summary>
    public void Begin() => (Lanes, Tokens, Rows, ReadsNoise) = (0, 0, 0, false);

    /// <summary>Adds an image's lanes.</summary>
    public void Add(PassEntry entry)
    {
        SetCondition(entry.Condition);
        for (var lane = 0; lane < entry.Lanes; lane++)
        {
            ReadOnlySpan<int> ids = entry.Tokens(lane);
            int length = entry.Length(lane);
            if (_tree)
                TokenTree.Describe(entry.Parents, cached: length - ids.Length, _positionIds[Lanes], _attentionBias[Lanes]);
            int end = ids.Length - entry.Copies;
            for (int row = end - entry.Rows; row < end; row++)
                _logitsRows[Rows++] = Tokens + row;
            AddLane(ids, length, entry.Noise);
        }
    }

    /// <summary>Hands each image its logits, and its embeddings if it read noise, after a pass.</summary>
    /// <param name="entries">In the order in which they were added.</param>
    public void HandOut(List<PassEntry> entries)
    {
        (int row, int token) = (0, 0);
        foreach (PassEntry entry in entries)
        {
            int rows = entry.Lanes * entry.Rows;
            entry.Logits = _logits.AsMemory(row * _codes, rows * _codes);
            if (ReadsNoise)
                entry.Noise?.Receive(_denoised.AsSpan(token * _noiseChannels));
            row += rows;
            for (var lane = 0; lane < entry.Lanes; lane++)
                token += entry.Tokens(lane).Length;
        }
    }

    /// <summary>Adds a lane of one token that follows nothing.</summary>
    public void AddIdleLane() => AddLane([0], length: 1, noise: null);

    /// <summary>Inputs and outputs whose shape depends on the pass, over this memory.</summary>
    public ShapedTensors Shaped(NativeTensors tensors, int tokens, int rows, bool readsNoise)
    {
        int ofLane = tokens / _laneLengths.Length; // in a tree all lanes are equally long
        var inputs = new List<(string Name, NativeTensor Tensor)>
        {
            (GraphContract.InputIds, tensors.Over(_inputIds, 1, tokens)),
            (GraphContract.LogitsRows, tensors.Over(_logitsRows, rows)),
        };
        for (var lane = 0; _tree && lane < _laneLengths.Length; lane++)
        {
            inputs.Add((GraphContract.PositionIds(lane), tensors.Over(_positionIds[lane], 1, ofLane)));
            inputs.Add((GraphContract.AttentionBias(lane), tensors.Over(_attentionBias[lane], 1, 1, ofLane, ofLane)));
        }
        var outputs = new List<(string Name, NativeTensor Tensor)> { (GraphContract.Logits, tensors.Over(_logits, 1, rows, _codes)) };
        if (_noiseChannels > 0)
        {
            (float[] noisy, float[] denoising, int count) = readsNoise ? (_noisy, _denoising, tokens) : (_noNoise, _noDenoising, 1);
            inputs.Add((GraphContract.NoisyEmbeddings, tensors.Over(noisy, 1, count, _noiseChannels)));
            inputs.Add((GraphContract.Denoising, tensors.Over(denoising, 1, count, GraphContract.DenoisingFields)));
            if (readsNoise)
                outputs.Add((GraphContract.DenoisedEmbeddings, tensors.Over(_denoised, 1, tokens, _noiseChannels)));
        }
        return new ShapedTensors(inputs, outputs);
    }

    public void Dispose()
    {
        foreach ((_, NativeTensor tensor) in OfFixedShape)
            tensor.Dispose();
    }

    /// <summary>A graph with a text encoder has one image.</summary>
    private void SetCondition(Condition? condition)
    {
        if (condition is null || ReferenceEquals(condition, _conditioned))
            return;
        condition.Vectors.CopyTo(_condition, 0);
        _positionOffset[0] = condition.UnusedPlaces;
        _conditioned = condition;
    }

    private void AddLane(ReadOnlySpan<int> ids, int length, NoisyEmbeddings? noise)
    {
        if (_noiseChannels > 0)
            AddNoise(ids.Length, noise);
        foreach (int id in ids)
            _inputIds[Tokens++] = id;
        _laneLengths[Lanes] = ids.Length;
        _seqLensK[Lanes][0] = length - 1;
        _totals[Lanes][0] = length;
        Lanes++;
    }

    private void AddNoise(int tokens, NoisyEmbeddings? noise)
    {
        Span<float> denoising = _denoising.AsSpan(Tokens * GraphContract.DenoisingFields, tokens * GraphContract.DenoisingFields);
        denoising.Clear();
        if (noise is not { IsRead: true })
            return;
        if (_noisy.Length == 0)
            (_noisy, _denoised) = (Pinned<float>(_maxTokens * _noiseChannels), Pinned<float>(_maxTokens * _noiseChannels));
        noise.CopyTo(_noisy.AsSpan(Tokens * _noiseChannels), denoising);
        ReadsNoise = true;
    }

    /// <summary>Pinned, because bindings hold the addresses.</summary>
    private static T[] Pinned<T>(int length) => GC.AllocateArray<T>(length, pinned: true);
}

/// <summary>Tensors of a pass of one shape.</summary>
internal sealed record ShapedTensors(
    IReadOnlyList<(string Name, NativeTensor Tensor)> Inputs, IReadOnlyList<(string Name, NativeTensor Tensor)> Outputs) : IDisposable
{
    public void Dispose()
    {
        foreach ((_, NativeTensor tensor) in Inputs.Concat(Outputs))
            tensor.Dispose();
    }
}
