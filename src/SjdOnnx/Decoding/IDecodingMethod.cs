using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>What a forward pass settled.</summary>
/// <param name="Accepted">How many codes, counted from the window's start, stand: drafts or branches.</param>
/// <param name="Next">The code of the position after them.</param>
public readonly record struct Verdict(int Accepted, int Next)
{
    /// <summary>
    /// How many of the accepted, counted from the window's start, are drafts: the cache holds them in their order. Those after them were
    /// branches, whose codes the method has written into the window; the next pass reads them again.
    /// </summary>
    public int OnChain { get; init; } = Accepted;
}

/// <summary>
/// The two decisions in which decoding methods differ: what to accept, and what to guess next. Everything else is
/// <see cref="Decoder"/>. A method keeps no state of its own: one instance may serve any number of pictures at once.
/// </summary>
public interface IDecodingMethod
{
    /// <summary>The name users know it by.</summary>
    string Name { get; }

    /// <summary>Whether its pictures are distributed exactly as those of autoregressive decoding.</summary>
    bool IsExact { get; }

    /// <summary>Whether its picture is, code for code, the one that <c>ar</c> draws with the same seed, whatever the window.</summary>
    bool IsSeedExact => false;

    /// <summary>The most drafts it keeps open at once: 0 for none.</summary>
    int WindowSize { get; }

    /// <summary>
    /// The most codes beside the drafts that it asks a pass about (<see cref="Window.Branch"/>): 0 for none, as for most methods.
    /// </summary>
    int Branches => 0;

    /// <summary>Denoising steps from noise to a code: 0 for a method whose drafts are codes, as most methods' are.</summary>
    int DenoisingSteps => 0;

    /// <summary>Accepts a prefix of the drafts, given the distributions p that the pass has just computed.</summary>
    /// <remarks>
    /// May overwrite the drafts behind that prefix and the code at <see cref="Window.End"/>, to prepare the next window. Every q is
    /// spent afterwards and may serve as scratch.
    /// </remarks>
    Verdict Verify(Window window, PassRandom random);

    /// <summary>
    /// Gives every slot of the window, which has moved on, a code and the distribution q it was drawn from. In the slots
    /// before <see cref="Window.Predicted"/> q already is the pass's p; those from there on are fresh.
    /// </summary>
    void Redraft(Window window, PassRandom random);
}
