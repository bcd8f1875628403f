using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// The keys and values of one picture's lanes: a buffer [1, kv_heads, capacity, head_dim] for each layer, lane and kind. It is bound as
/// past and as present at once, so the graph appends in place, and forgetting tokens is only a shorter length in the next pass: nothing
/// here is ever copied or cleared.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    /// <summary>Capacities are multiples of this, so that prompts of similar length share buffers and bindings.</summary>
    private const int Step = 64;

    private readonly List<(int Layer, int Lane, string Kind, NativeTensor Buffer)> _buffers = [];

    /// <param name="allocator">The memory the transformer computes in.</param>
    /// <param name="positions">Tokens of a lane.</param>
    public KeyValueCache(
        NativeTensors tensors, OrtAllocator allocator, TransformerSection transformer, TensorElementType type, int positions)
    {
        Capacity = (positions + Step - 1) / Step * Step;
        try
        {
            for (var layer = 0; layer < transformer.Layers; layer++)
            {
                for (var lane = 0; lane < transformer.Lanes; lane++)
                    Allocate(layer, lane);
            }
        }
        catch
        {
            Dispose(); // memory ran out on the way: what there is goes back
            throw;
        }

        void Allocate(int layer, int lane)
        {
            foreach (string kind in (string[])["key", "value"])
            {
                NativeTensor buffer = tensors.Allocate(allocator, type, 1, transformer.KvHeads, Capacity, transformer.HeadDim);
                _buffers.Add((layer, lane, kind, buffer));
            }
        }
    }

    /// <summary>Tokens a lane can hold.</summary>
    public int Capacity { get; }

    /// <param name="firstLane">The lane of the graph that is this picture's first.</param>
    public void BindTo(OrtIoBinding binding, int firstLane)
    {
        foreach ((int layer, int lane, string kind, NativeTensor buffer) in _buffers)
        {
            binding.BindInput(GraphContract.Past(layer, firstLane + lane, kind), buffer.Value);
            binding.BindOutput(GraphContract.Present(layer, firstLane + lane, kind), buffer.Value);
        }
    }

    public void Dispose()
    {
        foreach ((_, _, _, NativeTensor buffer) in _buffers)
            buffer.Dispose();
    }
}
