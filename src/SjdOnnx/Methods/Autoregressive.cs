using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>One token per forward pass: the baseline that every other method is measured against.</summary>
/// <remarks>
/// Its token is argmax(log p + g) with a Gumbel vector g that belongs to seed, image and position alone (the Gumbel-max trick,
/// Maddison et al., arXiv:1411.0030), so that a parallel method can draw the very same picture.
/// </remarks>
public sealed class Autoregressive : IDecodingMethod
{
    /// <inheritdoc/>
    public string Name => "ar";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public bool IsSeedExact => true;

    /// <inheritdoc/>
    public int WindowSize => 0;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        return new Verdict(0, random.GumbelArgMax(window.P(window.Start), window.Start));
    }

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        // there is nothing to redraft in a window of no slots
    }
}
