namespace SjdOnnx.Sampling;

/// <summary>What a random number decides: part of its address, so that two decisions never share one.</summary>
public enum Purpose
{
    /// <summary>Whether a draft stands.</summary>
    Accept,

    /// <summary>What replaces a draft that fell.</summary>
    Replace,

    /// <summary>A code drawn from the model's distribution.</summary>
    Draw,

    /// <summary>A first guess, before the model has said anything.</summary>
    Guess,

    /// <summary>The Gumbel vector that belongs to a position.</summary>
    Gumbel,

    /// <summary>Another candidate for a position, beside its draft.</summary>
    Sibling,

    /// <summary>The noise that a position's embedding begins as.</summary>
    Noise,
}

/// <summary>
/// All the randomness of a picture. Every number has an address (seed, image, pass, position, purpose) and is computed from it, so
/// it does not depend on what was drawn before, on other pictures, or on the thread.
/// </summary>
/// <param name="Seed">Names a series of pictures.</param>
/// <param name="Image">The picture in the series.</param>
public readonly record struct Randomness(ulong Seed, uint Image = 0)
{
    /// <summary>The random numbers of one forward pass over this picture; 0 is the prefill.</summary>
    public PassRandom At(int pass) => new(this, pass);
}
