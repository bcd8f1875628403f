using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// The keys and values of one image's lanes: a buffer [1, kv_heads, capacity, head_dim] for each layer, lane and kind. Each buffer is bound
/// as past and as present, so the graph appends in place. To forget tokens, the next pass gets a shorter length; nothing is copied or
/// cleared.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    /// <summary>Capacities are multiples of this, so that prompts of similar length share buffers and bindings.</summary>
    private const int Step = 64;

    private readonly List<(int Layer, int Lane, string Kind, NativeTensor Buffer)> _buffers = [];

    /// <param name="place">Which of the images that are drawn together, from 0; −1 for one that belongs to no image.</param>
    /// <param name="allocate">Makes a tensor of a shape where the transformer computes.</param>
    /// <param name="positions">Tokens of a lane.</param>
    /// <exception cref="InferenceException">There is not enough memory.</exception>
    public KeyValueCache(int place, TransformerSection transformer, int positions, Func<long[], NativeTensor> allocate)
    {
        Place = place;
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
            Dispose(); // memory ran out on the way
            throw;
        }

        void Allocate(int layer, int lane)
        {
            foreach (string kind in (string[])["key", "value"])
            {
                NativeTensor buffer = allocate([1, transformer.KvHeads, Capacity, transformer.HeadDim]);
                _buffers.Add((layer, lane, kind, buffer));
            }
        }
    }

    /// <summary>Which of the images that are drawn together, from 0; −1 for one that belongs to no image.</summary>
    public int Place { get; }

    /// <summary>Tokens that a lane can hold.</summary>
    public int Capacity { get; }

    /// <param name="lane">A lane of the image.</param>
    /// <param name="graphLane">The lane of the graph that reads it.</param>
    public void BindTo(OrtIoBinding binding, int lane, int graphLane)
    {
        foreach ((int layer, _, string kind, NativeTensor buffer) in _buffers.Where(buffer => buffer.Lane == lane))
        {
            binding.BindInput(GraphContract.Past(layer, graphLane, kind), buffer.Value);
            binding.BindOutput(GraphContract.Present(layer, graphLane, kind), buffer.Value);
        }
    }

    public void Dispose()
    {
        foreach ((_, _, _, NativeTensor buffer) in _buffers)
            buffer.Dispose();
    }
}
