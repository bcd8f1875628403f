using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Gumbel-coupled drafting: a slot's draft is argmax(log p + g), where the Gumbel vector g of its position is the same in every pass, so
/// drafts change only where p does. SJD's test decides what is committed; its random numbers are independent of g.
/// </summary>
/// <remarks>
/// The Gumbel coupling of "MC-SJD", arXiv:2510.24211. Two drafts of a slot agree with probability at least (1 − TV) / (1 + TV), however
/// many passes lie between them. The vector is addressed by absolute position. The code released with the paper lets positions share a
/// vector, which is not exact.
/// </remarks>
public sealed record GumbelSharing : IDecodingMethod
{
    private static readonly SpeculativeJacobi Sjd = new();

    /// <summary>The method's name and guarantee.</summary>
    public static MethodDescriptor Descriptor { get; } = new(
        "gumbel", "as sjd, but drafts change only where their distribution does", Exactness.Exact, new GumbelSharing());

    MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random) => Sjd.Verify(window, random);

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            window[position] = random.GumbelArgMax(window.Q(position), position);
    }
}
