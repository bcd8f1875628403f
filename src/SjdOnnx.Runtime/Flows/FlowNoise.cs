using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Flows;

/// <summary>The noise of a sample.</summary>
internal static class FlowNoise
{
    /// <summary>[tokens × channels] of the unit normal distribution. Each token's depend on seed, index and position alone.</summary>
    public static float[] Draw(FlowSection flow, ulong seed, uint index)
    {
        PassRandom random = new Randomness(seed, index).At(0);
        var noise = new float[flow.Tokens * flow.Channels];
        for (int position = 0; position < flow.Tokens; position++)
            random.Normal(noise.AsSpan(position * flow.Channels, flow.Channels), position);
        return noise;
    }
}
