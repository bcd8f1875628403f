using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>What a forward pass settled.</summary>
/// <param name="Accepted">How many codes, counted from the window's start, stand: drafts or branches.</param>
/// <param name="Next">The code of the position after them.</param>
public readonly record struct Verdict(int Accepted, int Next)
{
    /// <summary>
    /// How many of the accepted codes, counted from the window's start, are drafts: the cache holds them in their order. The codes after
    /// them were branches. The method has written those into the window, and the next pass reads them again.
    /// </summary>
    public int OnChain { get; init; } = Accepted;
}

/// <summary>
/// The two decisions in which decoding methods differ: which drafts to accept, and what to guess next. <see cref="Decoder"/> does
/// everything else. A method holds its own options and no state, so one instance may decode any number of images at once.
/// </summary>
/// <remarks>
/// Write a method as a record: two methods that are equal draw the same images. <see cref="ITreeMethod"/> and
/// <see cref="IDenoisingMethod"/> are for methods that ask the model for more.
/// </remarks>
public interface IDecodingMethod
{
    /// <summary>The method's name, its guarantee and its options.</summary>
    MethodDescriptor Descriptor { get; }

    /// <summary>Accepts a prefix of the drafts, given the distributions p that the pass has just computed.</summary>
    /// <remarks>
    /// The method may overwrite the drafts behind that prefix and the code at <see cref="Window.End"/>, to prepare the next window.
    /// No q is read after this call, so the method may use the rows of q as scratch memory.
    /// </remarks>
    Verdict Verify(Window window, PassRandom random);

    /// <summary>
    /// Draws new drafts for the slots before <see cref="Window.Predicted"/>; the window has moved on, and the q of these slots is already
    /// the pass's p. The slots from there on are fresh: the decoder gives them a first guess after this call. By default the drafts stay
    /// as
    /// <see cref="Verify"/> left them.
    /// </summary>
    void Redraft(Window window, PassRandom random)
    {
    }

    /// <summary>
    /// The most tokens that a pass of <paramref name="drafts"/> drafts reads beside them. If there are any, the model needs a graph for
    /// trees, and no other image can share the pass.
    /// </summary>
    int TokensBeside(int drafts) => 0;
}

/// <summary>A method that asks a pass about other codes beside the drafts, so that a pass judges a tree.</summary>
public interface ITreeMethod : IDecodingMethod
{
    /// <summary>The most codes beside the drafts in a pass of <paramref name="drafts"/> drafts.</summary>
    int MaxBranches(int drafts);

    int IDecodingMethod.TokensBeside(int drafts) => MaxBranches(drafts);

    /// <summary>Adds branches to the window (<see cref="Window.Branch"/>). Every slot has its draft and its q.</summary>
    void Branch(Window window, PassRandom random);
}

/// <summary>
/// A method whose drafts begin as noise. Its <see cref="IDecodingMethod.Verify"/> and <see cref="IDecodingMethod.Redraft"/> say with
/// <see cref="Window.SetStep"/> how noisy the next pass reads each slot.
/// </summary>
public interface IDenoisingMethod : IDecodingMethod
{
    /// <summary>Passes that bring a slot from noise to its code, 1 or more; null takes the number that the model was made for.</summary>
    int? DenoisingSteps { get; }

    /// <summary>
    /// Whether the model learns how noisy a slot is from a timestep token beside it, which no other token sees. A model is fine-tuned for
    /// methods of one of the two kinds.
    /// </summary>
    bool HasTimesteps => false;

    /// <summary>The same method with this many steps.</summary>
    IDenoisingMethod WithSteps(int steps);

    int IDecodingMethod.TokensBeside(int drafts) => HasTimesteps ? drafts : 0;
}
