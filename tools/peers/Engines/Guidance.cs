using System.Numerics.Tensors;

namespace SjdOnnx.Peers.Engines;

internal static class Guidance
{
    /// <summary>Writes u + guidance · (c − u).</summary>
    public static void Mix(ReadOnlySpan<float> c, ReadOnlySpan<float> u, float guidance, Span<float> mixed)
    {
        TensorPrimitives.Subtract(c, u, mixed);
        TensorPrimitives.MultiplyAdd(mixed, guidance, u, mixed);
    }
}
