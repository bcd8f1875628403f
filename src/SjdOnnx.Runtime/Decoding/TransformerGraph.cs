using System.Numerics;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// One graph of the transformer with the tensors of a pass other than the caches, and one binding for each shape of pass. All shapes look
/// at the same memory, so a pass of a shape seen before allocates nothing and copies nothing.
/// </summary>
/// <param name="lanes">Sequences of one picture.</param>
/// <param name="pictures">
/// Pictures in a pass. Places that are not taken read one token that nobody asks about: attention refuses none.
/// </param>
/// <param name="tree">Whether the new tokens of a picture may form a tree.</param>
/// <param name="conditionRows">The most vectors of a text encoder; 0 where there is none.</param>
/// <param name="noiseChannels">Channels of an embedding that can be noise; 0 where the graph reads none.</param>
/// <param name="sharesMemory">Whether the provider reads bound inputs where they lie. Others copy them when they are bound, so they
/// must be bound again for every pass.</param>
internal sealed class TransformerGraph(
    NativeTensors tensors, Session session, int lanes, int codes, int pictures, bool tree, int conditionRows, int noiseChannels,
    bool sharesMemory) : IDisposable
{
    /// <summary>
    /// A binding holds a reference to every tensor of every lane; pictures in rows of different length meet in many shapes.
    /// </summary>
    private const int MostBindings = 256;

    private readonly Dictionary<Shape, Binding> _bindings = [];
    private (int Tokens, int Rows) _capacity;
    private PassBuffers? _buffers;

    public int Pictures => pictures;

    public Session Session => session;

    /// <summary>Makes room for passes of this size.</summary>
    /// <param name="tokens">The most new tokens of a lane.</param>
    /// <param name="rows">The most rows of logits of a lane.</param>
    public void Reserve(int tokens, int rows)
    {
        if (_buffers is not null && _capacity.Tokens >= tokens && _capacity.Rows >= rows)
            return;

        _capacity = (Math.Max(tokens, _capacity.Tokens), Math.Max(rows, _capacity.Rows));
        Unbind();
        _buffers?.Dispose();
        _buffers = null;
        int hidden = conditionRows == 0 ? 0 : session.Inference.InputMetadata[GraphContract.Condition].Dimensions[1];
        _buffers = new PassBuffers(tensors, lanes * pictures, _capacity.Tokens, _capacity.Rows, codes, tree, conditionRows, hidden, noiseChannels);
    }

    /// <summary>Forgets all bindings, and so the addresses of the caches.</summary>
    public void Unbind()
    {
        foreach (Binding binding in _bindings.Values)
            binding.Dispose();
        _bindings.Clear();
    }

    /// <summary>One pass over what these pictures were fed.</summary>
    /// <param name="fed">By slot.</param>
    /// <param name="slots">Bit i: whether the picture of slot i takes part; at least one does, at most <see cref="Pictures"/> do.</param>
    /// <param name="idle">The cache of the places that are not taken, one for all of them: they all write the same.</param>
    public void Run(PromptedTransformer?[] fed, ulong slots, KeyValueCache? idle, CancellationToken cancellation)
    {
        PassBuffers buffers = _buffers!;
        buffers.Begin();
        for (ulong left = slots; left != 0; left &= left - 1)
            buffers.Add(fed[BitOperations.TrailingZeroCount(left)]!, lanes);
        while (buffers.Lanes < lanes * pictures)
            buffers.AddIdleLane();

        var shape = new Shape(buffers.Tokens, buffers.Rows, slots, buffers.ReadsNoise);
        if (!_bindings.TryGetValue(shape, out Binding? binding))
            binding = Bind(shape, fed, idle);
        if (!sharesMemory)
            BindInputs(binding);
        session.Run(binding.Io, cancellation);

        (int row, int token) = (0, 0);
        for (ulong left = slots; left != 0; left &= left - 1)
        {
            PromptedTransformer picture = fed[BitOperations.TrailingZeroCount(left)]!;
            int rows = lanes * picture.Rows;
            picture.Receive(buffers.Logits.Slice(row * codes, rows * codes));
            if (buffers.ReadsNoise)
                picture.Noise?.Receive(buffers.Denoised(token));
            row += rows;
            for (var lane = 0; lane < lanes; lane++)
                token += picture.Tokens(lane).Length;
        }
    }

    public void Dispose()
    {
        Unbind();
        _buffers?.Dispose();
        session.Dispose();
    }

    private void BindInputs(Binding binding)
    {
        foreach ((string name, NativeTensor tensor) in _buffers!.OfFixedShape)
            binding.Io.BindInput(name, tensor.Value);
        foreach ((string name, NativeTensor tensor) in binding.Shaped.Inputs)
            binding.Io.BindInput(name, tensor.Value);
    }

    private Binding Bind(Shape shape, PromptedTransformer?[] fed, KeyValueCache? idle)
    {
        if (_bindings.Count >= MostBindings)
            Unbind();
        var binding = new Binding(session.Inference.CreateIoBinding(), _buffers!.Shaped(tensors, shape.Tokens, shape.Rows, shape.ReadsNoise));
        _bindings.Add(shape, binding);
        BindInputs(binding);
        foreach ((string name, NativeTensor tensor) in binding.Shaped.Outputs)
            binding.Io.BindOutput(name, tensor.Value);
        int place = 0;
        for (ulong left = shape.Slots; left != 0; left &= left - 1)
            fed[BitOperations.TrailingZeroCount(left)]!.Cache.BindTo(binding.Io, lanes * place++);
        while (place < pictures)
            idle!.BindTo(binding.Io, lanes * place++);
        return binding;
    }

    /// <summary>Passes of equal shape can share a binding.</summary>
    private readonly record struct Shape(int Tokens, int Rows, ulong Slots, bool ReadsNoise);

    private sealed record Binding(OrtIoBinding Io, ShapedTensors Shaped) : IDisposable
    {
        public void Dispose()
        {
            Io.Dispose();
            Shaped.Dispose();
        }
    }
}
