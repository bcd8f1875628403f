using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>Inputs and outputs of a pass, with one lane after another.</summary>
internal sealed class PassBuffers : IDisposable
{
    private readonly PassMemory _memory;
    private readonly PassBlock _inputs;
    private readonly PassBlock _lengths; // read on the host, whatever the provider: nodes take sizes and bounds of slices from them
    private readonly PassBlock _outputs;
    private readonly PassBlock _conditions;
    private readonly PassBlock _noise; // large, so it is allocated when noise is first read
    private readonly PassBlock _denoisedBlock;
    private readonly PassField<long> _inputIds;
    private readonly PassField<long> _logitsRows;
    private readonly PassField<float> _logits;
    private readonly PassField<long> _laneLengths;
    private readonly PassField<int>[] _seqLensK;
    private readonly PassField<int>[] _totals;
    private readonly PassField<long>[] _positionIds;
    private readonly PassField<float>[] _attentionBias;
    private readonly PassField<float> _condition;
    private readonly PassField<long> _positionOffset;
    private readonly PassField<float> _denoising;
    private readonly PassField<float> _noNoise; // one row for all tokens: the graph then reads ids alone
    private readonly PassField<float> _noDenoising;
    private readonly PassField<float> _noisy;
    private readonly PassField<float> _denoised;
    private readonly int _noiseChannels;
    private readonly int _codes;
    private readonly bool _tree;
    private Condition? _conditioned; // whose vectors lie in _condition
    private int _rowsOfLane;

    /// <param name="lanes">Lanes of the graph.</param>
    /// <param name="tokens">The most new tokens of a lane.</param>
    /// <param name="rows">The most rows of logits of a lane.</param>
    /// <param name="tree">Whether the new tokens of a lane may form a tree.</param>
    /// <param name="conditionRows">The most vectors of a text encoder; 0 where there is none.</param>
    /// <param name="hidden">Their width.</param>
    /// <param name="noiseChannels">Channels of an embedding that can be noise; 0 where the graph reads none.</param>
    /// <exception cref="InferenceException">The device has not enough memory.</exception>
    /// <exception cref="OutOfMemoryException">The host has not enough memory.</exception>
    /// <exception cref="OverflowException">The buffers would have more than 2 GiB.</exception>
    public PassBuffers(
        PassMemory memory, int lanes, int tokens, int rows, int codes, bool tree, int conditionRows, int hidden, int noiseChannels)
    {
        (_memory, _codes, _tree, _noiseChannels) = (memory, codes, tree, noiseChannels);
        (_inputs, _outputs, _conditions) = (memory.Block(), memory.Block(), memory.Block());
        (_noise, _denoisedBlock, _lengths) = (memory.Block(), memory.Block(), memory.HostBlock());
        int all = checked(lanes * tokens);
        _inputIds = _inputs.Add<long>(all);
        _logitsRows = _inputs.Add<long>(lanes * rows);
        _seqLensK = ForEachLane(() => _inputs.Add<int>(1));
        _positionIds = ForEachLane(() => _inputs.Add<long>(tree ? tokens : 0));
        _attentionBias = ForEachLane(() => _inputs.Add<float>(tree ? tokens * tokens : 0));
        _noNoise = _inputs.Add<float>(noiseChannels);
        _noDenoising = _inputs.Add<float>(GraphContract.DenoisingFields);
        _laneLengths = _lengths.Add<long>(lanes);
        _totals = ForEachLane(() => _lengths.Add<int>(1));
        _positionOffset = _lengths.Add<long>(1);
        _logits = _outputs.Add<float>(checked(lanes * rows * codes));
        _condition = _conditions.Add<float>(conditionRows * hidden);
        _denoising = _noise.Add<float>(all * GraphContract.DenoisingFields);
        _noisy = _noise.Add<float>(all * noiseChannels);
        _denoised = _denoisedBlock.Add<float>(all * noiseChannels);
        var inputs = new List<(string Name, NativeTensor Tensor)>();
        OfFixedShape = inputs;
        try
        {
            foreach (PassBlock block in (PassBlock[])[_inputs, _lengths, _outputs, _conditions])
                block.Allocate();
            inputs.Add((GraphContract.LaneLengths, _laneLengths.Tensor(lanes)));
            for (var lane = 0; lane < lanes; lane++)
            {
                inputs.Add((GraphContract.SeqLensK(lane), _seqLensK[lane].Tensor(1)));
                inputs.Add((GraphContract.TotalSequenceLength(lane), _totals[lane].Tensor()));
            }
            if (conditionRows > 0)
            {
                inputs.Add((GraphContract.Condition, _condition.Tensor(conditionRows, hidden)));
                inputs.Add((GraphContract.PositionOffset, _positionOffset.Tensor(1)));
            }
        }
        catch
        {
            Dispose();
            throw;
        }

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

    /// <summary>The logits of the pass: [rows × codes].</summary>
    public ReadOnlySpan<float> Logits => _logits.Span[..(Rows * _codes)];

    /// <summary>Begins a new pass.</summary>
    /// <param name="rowsOfLane">
    /// Rows of logits of every lane of an image, which are those that the image wants and more; 0 for as many as it wants.
    /// </param>
    public void Begin(int rowsOfLane = 0) => (Lanes, Tokens, Rows, ReadsNoise, _rowsOfLane) = (0, 0, 0, false, rowsOfLane);

    /// <summary>Adds a lane of an image.</summary>
    /// <param name="maxLength">The longest that the lane can be.</param>
    public void Add(PassLane lane, int maxLength)
    {
        PassEntry entry = lane.Entry;
        SetCondition(entry.Condition);
        ReadOnlySpan<int> ids = lane.Tokens;
        int length = entry.Length(lane.Index);
        int cached = length - ids.Length;
        ReadOnlySpan<int> timesteps = entry.Timesteps;
        if (_tree && timesteps.IsEmpty)
            TokenTree.Describe(entry.Parents, cached, _positionIds[Lanes].Span, _attentionBias[Lanes].Span);
        else if (_tree)
            TokenTree.DescribeChain(ids.Length, timesteps, cached, _positionIds[Lanes].Span, _attentionBias[Lanes].Span);

        int last = ids.Length - entry.Copies - timesteps.Length - 1;
        Span<long> rows = _logitsRows.Span.Slice(Rows, RowsOfLane(entry));
        for (int row = 0; row < rows.Length; row++)
            rows[row] = Tokens + TokenTree.IndexOf(Math.Min(last, last - entry.Rows + 1 + row), timesteps);
        Rows += rows.Length;
        AddLane(ids, length, total: _rowsOfLane > 0 ? maxLength : length, entry.Noise);
    }

    /// <summary>Adds a lane that follows nothing, and whose logits nobody reads, because attention does not accept an empty one.</summary>
    /// <param name="tokens">Its tokens, 1 or more.</param>
    /// <param name="maxLength">The longest that it can be.</param>
    public void AddIdleLane(int tokens, int maxLength)
    {
        Span<int> ids = stackalloc int[tokens];
        ids.Clear();
        AddLane(ids, tokens, total: _rowsOfLane > 0 ? maxLength : tokens, noise: null);
    }

    /// <summary>Brings the inputs to where the provider reads them.</summary>
    public void Send()
    {
        _memory.Upload(_inputs);
        if (ReadsNoise)
            _memory.Upload(_noise);
    }

    /// <summary>Brings the outputs to where .NET reads them.</summary>
    public void Receive()
    {
        (PassBlock, long) logits = (_outputs, _logits.BytesTo(Rows * _codes));
        if (ReadsNoise)
            _memory.Download(logits, (_denoisedBlock, _denoised.BytesTo(Tokens * _noiseChannels)));
        else
            _memory.Download(logits);
    }

    /// <summary>Hands each lane its logits, and the image its embeddings if it read noise, after a pass.</summary>
    /// <param name="lanes">In the order in which they were added.</param>
    public void HandOut(ReadOnlySpan<PassLane> lanes)
    {
        (int row, int token) = (0, 0);
        foreach (PassLane lane in lanes)
        {
            int rows = RowsOfLane(lane.Entry);
            lane.Entry.Logits[lane.Index] = _logits.Slice(row * _codes, rows * _codes);
            if (ReadsNoise && lane.Index == 0) // they are the same in all lanes
                lane.Entry.Noise?.Receive(_denoised.Span[(token * _noiseChannels)..]);
            row += rows;
            token += lane.Tokens.Length;
        }
    }

    /// <summary>Inputs and outputs whose shape depends on the pass, over this memory.</summary>
    public ShapedTensors Shaped(int tokens, int rows, bool readsNoise)
    {
        int ofLane = tokens / _laneLengths.Count; // in a tree all lanes are equally long
        var inputs = new List<(string Name, NativeTensor Tensor)>
        {
            (GraphContract.InputIds, _inputIds.Tensor(1, tokens)),
            (GraphContract.LogitsRows, _logitsRows.Tensor(rows)),
        };
        for (var lane = 0; _tree && lane < _laneLengths.Count; lane++)
        {
            inputs.Add((GraphContract.PositionIds(lane), _positionIds[lane].Tensor(1, ofLane)));
            inputs.Add((GraphContract.AttentionBias(lane), _attentionBias[lane].Tensor(1, 1, ofLane, ofLane)));
        }
        var outputs = new List<(string Name, NativeTensor Tensor)> { (GraphContract.Logits, _logits.Tensor(1, rows, _codes)) };
        if (_noiseChannels > 0)
        {
            (PassField<float> noisy, PassField<float> denoising, int count) =
                readsNoise ? (_noisy, _denoising, tokens) : (_noNoise, _noDenoising, 1);
            inputs.Add((GraphContract.NoisyEmbeddings, noisy.Tensor(1, count, _noiseChannels)));
            inputs.Add((GraphContract.Denoising, denoising.Tensor(1, count, GraphContract.DenoisingFields)));
            if (readsNoise)
                outputs.Add((GraphContract.DenoisedEmbeddings, _denoised.Tensor(1, tokens, _noiseChannels)));
        }
        return new ShapedTensors(inputs, outputs);
    }

    public void Dispose()
    {
        foreach ((_, NativeTensor tensor) in OfFixedShape)
            tensor.Dispose();
        foreach (PassBlock block in (PassBlock[])[_inputs, _lengths, _outputs, _conditions, _noise, _denoisedBlock])
            block.Dispose();
    }

    private int RowsOfLane(PassEntry entry) => Math.Max(_rowsOfLane, entry.Rows);

    /// <summary>A graph with a text encoder has one image.</summary>
    private void SetCondition(Condition? condition)
    {
        if (condition is null || ReferenceEquals(condition, _conditioned))
            return;
        condition.Vectors.CopyTo(_condition.Span);
        _positionOffset.Span[0] = condition.UnusedPlaces;
        _conditioned = condition;
        _memory.Upload(_conditions);
    }

    /// <param name="total">The length, or, if it must be the same in all passes of this shape, the most that it can be.</param>
    private void AddLane(ReadOnlySpan<int> ids, int length, int total, NoisyEmbeddings? noise)
    {
        if (_noiseChannels > 0)
            AddNoise(ids.Length, noise);
        Span<long> inputIds = _inputIds.Span.Slice(Tokens, ids.Length);
        for (int i = 0; i < ids.Length; i++)
            inputIds[i] = ids[i];
        Tokens += ids.Length;
        _laneLengths.Span[Lanes] = ids.Length;
        _seqLensK[Lanes].Span[0] = length - 1;
        _totals[Lanes].Span[0] = total;
        Lanes++;
    }

    private void AddNoise(int tokens, NoisyEmbeddings? noise)
    {
        bool reads = noise is { IsRead: true };
        if (!_denoisedBlock.IsAllocated)
        {
            if (!reads)
                return; // and it is filled with zeros when it is allocated
            _noise.Allocate();
            _denoisedBlock.Allocate();
        }

        Span<float> denoising =
            _denoising.Span.Slice(Tokens * GraphContract.DenoisingFields, tokens * GraphContract.DenoisingFields);
        denoising.Clear();
        if (!reads)
            return;
        noise!.CopyTo(_noisy.Span[(Tokens * _noiseChannels)..], denoising);
        ReadsNoise = true;
    }
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
