using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>One token per forward pass: the baseline of every other method.</summary>
/// <remarks>
/// The token is argmax(log p + g), where the Gumbel vector g depends on seed, image and position alone (the Gumbel-max trick, Maddison et
/// al., arXiv:1411.0030). So a parallel method can draw exactly the same image.
/// </remarks>
public sealed record Autoregressive : IDecodingMethod
{
    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } =
        new("ar", "one token per pass", Exactness.SeedExact, new Autoregressive()) { HasDrafts = false };

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        return new Verdict(0, random.GumbelArgMax(window.P(window.Start), window.Start));
    }
}
