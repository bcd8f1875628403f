using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// One graph of the transformer, with the tensors of a pass other than the caches, and a binding for each shape of pass. All shapes use the
/// same memory, so a pass of a known shape allocates nothing and copies nothing.
/// </summary>
/// <param name="lanes">Sequences of one image.</param>
/// <param name="images">
/// Images in a pass. Places without an image read one token, whose logits nobody reads, because attention does not accept none.
/// </param>
/// <param name="tree">Whether the new tokens of an image may form a tree.</param>
/// <param name="conditionRows">The most vectors of a text encoder; 0 where there is none.</param>
/// <param name="noiseChannels">Channels of an embedding that can be noise; 0 where the graph reads none.</param>
/// <param name="sharesMemory">
/// Whether the provider reads bound inputs where they are. Others copy inputs when they are bound, so every pass must bind them again.
/// </param>
internal sealed class TransformerGraph(
    NativeTensors tensors, Session session, int lanes, int codes, int images, bool tree, int conditionRows, int noiseChannels,
    bool sharesMemory) : IDisposable
{
    /// <summary>A binding refers to every tensor of every lane, and images at different positions form many shapes.</summary>
    private const int MaxBindings = 256;

    private readonly Dictionary<Shape, Binding> _bindings = [];
    private (int Tokens, int Rows) _capacity;
    private PassBuffers? _buffers;

    public int Images => images;

    public Session Session => session;

    /// <summary>Makes room for passes of this size.</summary>
    /// <param name="tokens">The most new tokens of a lane.</param>
    /// <param name="rows">The most rows of logits of a lane.</param>
    public void Reserve(int tokens, int rows)
    {
        if (_buffers is not null && _capacity.Tokens >= tokens && _capacity.Rows >= rows)
            return;

        (int Tokens, int Rows) wanted = (Math.Max(tokens, _capacity.Tokens), Math.Max(rows, _capacity.Rows));
        int hidden = conditionRows == 0 ? 0 : session.Inference.InputMetadata[GraphContract.Condition].Dimensions[1];
        PassBuffers buffers;
        try
        {
            buffers = new PassBuffers(
                tensors, lanes * images, wanted.Tokens, wanted.Rows, codes, tree, conditionRows, hidden, noiseChannels);
        }
        catch (Exception error) when (error is OutOfMemoryException or OverflowException)
        {
            throw new InferenceException(
                $"There is not enough memory for passes of {wanted.Rows} rows of logits in {lanes * images} lanes. Choose a smaller " +
                "window, or draw fewer images at once (MaxBatch).", error);
        }

        Unbind();
        _buffers?.Dispose();
        (_buffers, _capacity) = (buffers, wanted);
    }

    /// <summary>Forgets all bindings, and so the addresses of the caches.</summary>
    public void Unbind()
    {
        foreach (Binding binding in _bindings.Values)
            binding.Dispose();
        _bindings.Clear();
    }

    /// <summary>Runs one pass.</summary>
    /// <param name="entries">1 to <see cref="Images"/> images, by place.</param>
    /// <param name="idle">The cache of the places without an image. They share it, because they all write the same.</param>
    public void Run(List<PassEntry> entries, KeyValueCache? idle, CancellationToken cancellation)
    {
        PassBuffers buffers = _buffers!;
        buffers.Begin();
        ulong places = 0;
        foreach (PassEntry entry in entries)
        {
            buffers.Add(entry);
            places |= 1UL << entry.Cache.Place;
        }

        while (buffers.Lanes < lanes * images)
            buffers.AddIdleLane();

        var shape = new Shape(buffers.Tokens, buffers.Rows, places, buffers.ReadsNoise);
        if (!_bindings.TryGetValue(shape, out Binding? binding))
            binding = Bind(shape, entries, idle);
        if (!sharesMemory)
            BindInputs(binding);
        session.Run(binding.Io, cancellation);
        buffers.HandOut(entries);
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

    private Binding Bind(Shape shape, List<PassEntry> entries, KeyValueCache? idle)
    {
        if (_bindings.Count >= MaxBindings)
            Unbind();
        ShapedTensors shaped = _buffers!.Shaped(tensors, shape.Tokens, shape.Rows, shape.ReadsNoise);
        var binding = new Binding(session.Inference.CreateIoBinding(), shaped);
        try
        {
            BindInputs(binding);
            foreach ((string name, NativeTensor tensor) in binding.Shaped.Outputs)
                binding.Io.BindOutput(name, tensor.Value);
            for (int image = 0; image < images; image++)
                (image < entries.Count ? entries[image].Cache : idle!).BindTo(binding.Io, lanes * image);
        }
        catch
        {
            binding.Dispose();
            throw;
        }

        _bindings.Add(shape, binding);
        return binding;
    }

    /// <summary>Passes of equal shape can share a binding.</summary>
    /// <param name="Places">Bit i: whether the image of place i takes part.</param>
    private readonly record struct Shape(int Tokens, int Rows, ulong Places, bool ReadsNoise);

    private sealed record Binding(OrtIoBinding Io, ShapedTensors Shaped) : IDisposable
    {
        public void Dispose()
        {
            Io.Dispose();
            Shaped.Dispose();
        }
    }
}
