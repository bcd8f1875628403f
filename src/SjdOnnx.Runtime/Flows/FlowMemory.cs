using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Flows;

/// <summary>
/// The memory that the blocks of a flow share, because one of them runs at a time: inputs and outputs of a pass, and the caches of the runs
/// with and without a class.
/// </summary>
internal sealed class FlowMemory : IDisposable
{
    private readonly NativeTensors _tensors;
    private readonly OrtAllocator? _allocator;

    /// <param name="session">An open block, whose provider holds the caches.</param>
    /// <exception cref="InferenceException">There is not enough memory.</exception>
    public FlowMemory(FlowSection flow, Provider provider, Session session, NativeTensors tensors)
    {
        (_tensors, Flow, CopiesWhenBound) = (tensors, flow, !provider.IsCpu);
        int numbers = flow.Tokens * flow.Channels;
        (Tokens, Scale, Shift) = (new float[numbers], new float[numbers], new float[numbers]);
        Positions = new long[flow.Tokens];
        if (!provider.IsCpu)
        {
            using OrtMemoryInfo memory = provider.MemoryInfo();
            _allocator = new OrtAllocator(session.Inference, memory);
        }

        Caches = [new(), new()];
        try
        {
            foreach (List<NativeTensor> cache in Caches)
            {
                for (int i = 0; i < flow.Layers * FlowGraph.Kinds.Length; i++)
                    cache.Add(Cache());
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public FlowSection Flow { get; }

    /// <summary>Whether ONNX Runtime copies an input to the device when it is bound, so that it must be bound for each pass.</summary>
    public bool CopiesWhenBound { get; }

    public float[] Tokens { get; }

    public long[] Positions { get; }

    public float[] Scale { get; }

    public float[] Shift { get; }

    /// <summary>The caches of runs with a class and without: key and value of each layer, [1, heads, tokens, head_dim] each.</summary>
    public IReadOnlyList<List<NativeTensor>> Caches { get; }

    public NativeTensor Over<T>(T[] memory, params long[] shape) where T : unmanaged => _tensors.Over(memory, shape);

    public void Dispose()
    {
        foreach (NativeTensor tensor in Caches.SelectMany(static cache => cache))
            tensor.Dispose();
        _allocator?.Dispose();
    }

    private NativeTensor Cache()
    {
        long[] shape = [1, Flow.Heads, Flow.Tokens, Flow.HeadDim];
        return _allocator is null
            ? _tensors.Over(new float[Flow.Heads * Flow.Tokens * Flow.HeadDim], shape)
            : _tensors.Allocate(_allocator, TensorElementType.Float, shape);
    }
}
