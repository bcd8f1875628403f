namespace SjdOnnx.Sampling;

/// <summary>The random numbers of one forward pass over one picture, and the draws made with them; see <see cref="Randomness"/>.</summary>
public readonly record struct PassRandom
{
    private readonly Randomness _picture;
    private readonly uint _pass;

    internal PassRandom(Randomness picture, int pass) => (_picture, _pass) = (picture, (uint)pass);

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    /// <param name="index">Which of the numbers that serve this purpose at this position and pass: 0 to 2²⁴ − 1.</param>
    public double Uniform(int position, Purpose purpose, int index = 0)
    {
        Philox.Block bits = Bits(position, _pass, purpose, index);
        return (((ulong)bits.First << 21) | (bits.Second >> 11)) / (double)(1UL << 53);
    }

    /// <summary>A code drawn in proportion to <paramref name="weights"/>, which need not sum to 1; never one of weight 0.</summary>
    public int Draw(ReadOnlySpan<float> weights, int position, Purpose purpose) => Distribution.Pick(weights, Uniform(position, purpose));

    /// <summary>
    /// argmax(log p + g), where the Gumbel vector g belongs to the position: it is the same in every pass. The result is
    /// distributed as <paramref name="p"/>, and a p that differs little mostly gives the same code.
    /// </summary>
    /// <remarks>
    /// With g = −log e and e exponential, the code is argmin(e / p). As e = −log(1 − u) ≥ u, a candidate whose u alone is too
    /// large is out before its logarithm is taken: of a thousand codes some ten are not.
    /// </remarks>
    public int GumbelArgMax(ReadOnlySpan<float> p, int position)
    {
        int winner = -1;
        double least = double.PositiveInfinity;
        Span<uint> bits = stackalloc uint[4];
        int block = -1;
        for (int code = 0; code < p.Length; code++)
        {
            if (p[code] <= 0)
                continue;

            if (code / 4 != block)
            {
                block = code / 4;
                (bits[0], bits[1], bits[2], bits[3]) = Bits(position, pass: 0, Purpose.Gumbel, block);
            }

            double u = (bits[code % 4] + 0.5) / (1UL << 32);
            if (u >= least * p[code])
                continue;

            double exponential = -Math.Log(1 - u);
            if (exponential < least * p[code])
                (winner, least) = (code, exponential / p[code]);
        }

        return winner >= 0 ? winner : throw new ArgumentException("No code has a probability above 0.", nameof(p));
    }

    private Philox.Block Bits(int position, uint pass, Purpose purpose, int index) =>
        Philox.At(new(_picture.Image, (uint)position, pass, ((uint)purpose << 24) | (uint)index), _picture.Seed);
}
