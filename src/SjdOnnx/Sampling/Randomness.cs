namespace SjdOnnx.Sampling;

/// <summary>The decision that a random number is for. It is part of the number's address, so two decisions never share a number.</summary>
public enum Purpose
{
    /// <summary>The test of a draft.</summary>
    Accept,

    /// <summary>The code that replaces a rejected draft.</summary>
    Replace,

    /// <summary>A code drawn from the model's distribution.</summary>
    Draw,

    /// <summary>A first guess at a position that no pass has predicted yet.</summary>
    Guess,

    /// <summary>The Gumbel vector of a position.</summary>
    Gumbel,

    /// <summary>Another candidate for a position, in addition to its draft.</summary>
    Sibling,

    /// <summary>The noise with which a position's embedding begins.</summary>
    Noise,
}

/// <summary>
/// An image's only source of randomness. Every random number has an address (seed, image, pass, position, purpose) and is computed from it.
/// So it does not depend on earlier draws, on other images or on the thread.
/// </summary>
/// <param name="Seed">Identifies a series of images.</param>
/// <param name="Image">The number of the image in the series.</param>
public readonly record struct Randomness(ulong Seed, uint Image = 0)
{
    /// <summary>The random numbers of one forward pass over this image.</summary>
    /// <param name="pass">The number of the pass; 0 is the prefill.</param>
    public PassRandom At(int pass) => new(this, pass);
}
