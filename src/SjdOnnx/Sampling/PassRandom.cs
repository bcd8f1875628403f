namespace SjdOnnx.Sampling;

/// <summary>The random numbers of one forward pass over one picture, and the draws made with them; see <see cref="Randomness"/>.</summary>
public readonly record struct PassRandom
{
    private const int BitsAtOnce = 256; // a multiple of the 32 that Philox computes side by side
    private const float UnitOf24Bits = 1f / (1 << 24);

    private readonly Randomness _picture;
    private readonly uint _pass;

    internal PassRandom(Randomness picture, int pass) => (_picture, _pass) = (picture, (uint)pass);

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    /// <param name="index">Which of the numbers that serve this purpose at this position and pass: 0 to 2²⁴ − 1.</param>
    public double Uniform(int position, Purpose purpose, int index = 0)
    {
        Philox.Block bits = Philox.At(Counter(position, _pass, purpose, index), _picture.Seed);
        return (((ulong)bits.First << 21) | (bits.Second >> 11)) / (double)(1UL << 53);
    }

    /// <summary>A code drawn in proportion to <paramref name="weights"/>, which need not sum to 1; never one of weight 0.</summary>
    public int Draw(ReadOnlySpan<float> weights, int position, Purpose purpose) => Distribution.Pick(weights, Uniform(position, purpose));

    /// <summary>
    /// argmax(log p + g), where the Gumbel vector g belongs to the position: it is the same in every pass. The result is
    /// distributed as <paramref name="p"/>, and a p that differs little mostly gives the same code.
    /// </summary>
    /// <param name="p">[codes], 0 or more, at least one of them above 0; need not sum to 1.</param>
    /// <returns>Never a code of probability 0; of codes that tie, the lowest.</returns>
    /// <exception cref="ArgumentException">No code has a probability above 0.</exception>
    public int GumbelArgMax(ReadOnlySpan<float> p, int position)
    {
        var race = new ExponentialRace();
        Span<uint> bits = stackalloc uint[BitsAtOnce];
        for (int code = 0; code < p.Length; code += BitsAtOnce)
        {
            int count = Math.Min(BitsAtOnce, p.Length - code);
            Philox.Fill(bits[..count], Counter(position, pass: 0, Purpose.Gumbel, index: code / 4), _picture.Seed);
            race.Enter(code, p.Slice(code, count), bits[..count]);
        }

        return race.Winner >= 0 ? race.Winner : throw new ArgumentException("No code has a probability above 0.", nameof(p));
    }

    /// <summary>
    /// Fills <paramref name="noise"/> with independent standard normal numbers. They belong to the position: they are the same in every pass.
    /// </summary>
    /// <param name="noise">At most 2²⁶ numbers.</param>
    /// <remarks>Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958: two uniform numbers make two normal ones.</remarks>
    public void Normal(Span<float> noise, int position)
    {
        Span<uint> bits = stackalloc uint[BitsAtOnce];
        for (int start = 0; start < noise.Length; start += BitsAtOnce)
        {
            Span<float> part = noise.Slice(start, Math.Min(BitsAtOnce, noise.Length - start));
            Philox.Fill(bits, Counter(position, pass: 0, Purpose.Noise, index: start / 4), _picture.Seed);
            for (int i = 0; i < part.Length; i += 2)
            {
                float radius = MathF.Sqrt(-2 * MathF.Log(((bits[i] >> 8) + 1) * UnitOf24Bits)); // of (0, 1]
                (float sine, float cosine) = MathF.SinCos(2 * MathF.PI * (bits[i + 1] >> 8) * UnitOf24Bits);
                part[i] = radius * cosine;
                if (i + 1 < part.Length)
                    part[i + 1] = radius * sine;
            }
        }
    }

    private Philox.Block Counter(int position, uint pass, Purpose purpose, int index) =>
        new(_picture.Image, (uint)position, pass, ((uint)purpose << 24) | (uint)index);
}
