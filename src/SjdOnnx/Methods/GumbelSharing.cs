using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// Gumbel-coupled drafting: a slot's draft is argmax(log p + g) with the Gumbel vector g of its position, the same in every pass, so that
/// drafts change only where p does; what is committed passes SJD's test, whose coin and replacement are independent of g.
/// </summary>
/// <remarks>
/// The Gumbel coupling of "MC-SJD", arXiv:2510.24211. Two drafts of a slot agree with probability (1 − TV) / (1 + TV) or more, however many
/// passes lie between them. The vector is addressed by absolute position: code released with the paper lets positions share one, which is
/// not exact.
/// </remarks>
public sealed class GumbelSharing(DecodingOptions options) : IDecodingMethod
{
    private readonly SpeculativeJacobi _sjd = new(options);

    /// <inheritdoc/>
    public string Name => "gumbel";

    /// <inheritdoc/>
    public bool IsExact => true;

    /// <inheritdoc/>
    public int WindowSize => options.WindowSize;

    /// <inheritdoc/>
    public Verdict Verify(Window window, PassRandom random) => _sjd.Verify(window, random);

    /// <inheritdoc/>
    public void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            window[position] = random.GumbelArgMax(window.Q(position), position);

        JacobiDrafting.FillFresh(window, options.Initialisation, random);
    }
}
