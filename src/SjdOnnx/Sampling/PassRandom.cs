namespace SjdOnnx.Sampling;

/// <summary>The random numbers of one forward pass over one image, and the draws made with them. See <see cref="Randomness"/>.</summary>
public readonly record struct PassRandom
{
    private const int BitsAtOnce = 256; // in words; a multiple of the 32 that Philox computes at once
    private const float UnitOf24Bits = 1f / (1 << 24);

    private readonly Randomness _image;
    private readonly uint _pass;

    internal PassRandom(Randomness image, int pass) => (_image, _pass) = (image, (uint)pass);

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    /// <param name="position">The position that the number is for.</param>
    /// <param name="purpose">The decision that the number is for.</param>
    /// <param name="index">Tells several numbers for the same decision apart: 0 to 2²⁴ − 1.</param>
    public double Uniform(int position, Purpose purpose, int index = 0)
    {
        Philox.Block bits = Philox.At(Counter(position, _pass, purpose, index), _image.Seed);
        return (((ulong)bits.First << 21) | (bits.Second >> 11)) / (double)(1UL << 53);
    }

    /// <summary>Draws a code in proportion to its weight. A code of weight 0 is never drawn.</summary>
    /// <param name="weights">[codes], 0 or more, at least one of them above 0. They need not sum to 1.</param>
    /// <param name="position">The position that the code is for.</param>
    /// <param name="purpose">The decision that the draw is for.</param>
    /// <exception cref="ArgumentException">The weights do not sum to a positive number.</exception>
    public int Draw(ReadOnlySpan<float> weights, int position, Purpose purpose) => Distribution.Pick(weights, Uniform(position, purpose));

    /// <summary>
    /// Returns argmax(log p + g), where g is the Gumbel vector of the position. The vector is the same in every pass. The result is
    /// distributed as <paramref name="p"/>, and a slightly different p usually gives the same code.
    /// </summary>
    /// <param name="p">[codes], 0 or more, at least one of them above 0. They need not sum to 1.</param>
    /// <param name="position">The position that the code is for.</param>
    /// <returns>A code of a probability above 0. Of codes that tie, it is the lowest.</returns>
    /// <exception cref="ArgumentException">No code has a probability above 0.</exception>
    public int GumbelArgMax(ReadOnlySpan<float> p, int position)
    {
        var race = new ExponentialRace();
        Span<uint> bits = stackalloc uint[BitsAtOnce];
        for (int code = 0; code < p.Length; code += BitsAtOnce)
        {
            int count = Math.Min(BitsAtOnce, p.Length - code);
            Philox.Fill(bits[..count], Counter(position, pass: 0, Purpose.Gumbel, index: code / 4), _image.Seed);
            race.Enter(code, p.Slice(code, count), bits[..count]);
        }

        return race.Winner >= 0 ? race.Winner : throw new ArgumentException("No code has a probability above 0.", nameof(p));
    }

    /// <summary>
    /// Fills <paramref name="noise"/> with independent standard normal numbers. A position has the same numbers in every pass.
    /// </summary>
    /// <param name="noise">At most 2²⁶ numbers.</param>
    /// <param name="position">The position that the numbers are for.</param>
    /// <remarks>
    /// Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958: two uniform numbers become two normal numbers.
    /// </remarks>
    public void Normal(Span<float> noise, int position)
    {
        Span<uint> bits = stackalloc uint[BitsAtOnce];
        for (int start = 0; start < noise.Length; start += BitsAtOnce)
        {
            Span<float> part = noise.Slice(start, Math.Min(BitsAtOnce, noise.Length - start));
            Philox.Fill(bits, Counter(position, pass: 0, Purpose.Noise, index: start / 4), _image.Seed);
            for (int i = 0; i < part.Length; i += 2)
            {
                float radius = MathF.Sqrt(-2 * MathF.Log(((bits[i] >> 8) + 1) * UnitOf24Bits)); // of a number in (0, 1]
                (float sine, float cosine) = MathF.SinCos(2 * MathF.PI * (bits[i + 1] >> 8) * UnitOf24Bits);
                part[i] = radius * cosine;
                if (i + 1 < part.Length)
                    part[i + 1] = radius * sine;
            }
        }
    }

    private Philox.Block Counter(int position, uint pass, Purpose purpose, int index) =>
        new(_image.Image, (uint)position, pass, ((uint)purpose << 24) | (uint)index);
}
