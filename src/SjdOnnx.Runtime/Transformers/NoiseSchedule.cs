using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>The share of the code and the share of noise in an embedding, by level: 0 is the code, 1 noise.</summary>
internal sealed class NoiseSchedule(DenoisingSection section)
{
    private const double Fastest = 1000; // radians at t = 1
    private const double Slowest = 10000; // how many times slower the slowest channel is

    /// <summary>Channels of an embedding.</summary>
    public int Channels => section.Hidden;

    /// <summary>Whether a timestep token tells the model the level of each noisy token.</summary>
    public bool HasTimesteps => section.HasTimesteps;

    /// <summary>α and σ of a level from 0 to 1: the model's values at some levels, interpolated between them.</summary>
    public (float Alpha, float Sigma) At(float level) => (Between(section.Alpha, level), Between(section.Sigma, level));

    /// <summary>
    /// The deterministic step from one level down to another. An embedding e = α ē + σ ε becomes <c>Keep</c> e + <c>Add</c> ē, with an
    /// estimate for ē. At level 0 nothing of e is kept: the result is the estimate.
    /// </summary>
    /// <remarks>
    /// The first-order step of arXiv:2510.08994 for any schedule: e′ = (σ′/σ) e + α (α′/α − σ′/σ) ē = (σ′/σ) e + (α′ − α σ′/σ) ē.
    /// </remarks>
    public (float Keep, float Add) Step(float from, float to)
    {
        (float alpha, float sigma) = At(from);
        (float alphaBelow, float sigmaBelow) = At(to);
        float keep = sigmaBelow / sigma;
        return (keep, alphaBelow - (alpha * keep));
    }

    /// <summary>
    /// The normalized embedding of the token that tells the model a level: cosines and then sines of the level's σ, which is the time t of
    /// flow matching, with deviation 1.
    /// </summary>
    /// <remarks>Fine-tuning computes the same (<c>timestep_encoding</c> in export/sjdexport/denoising.py).</remarks>
    public float[] Timestep(float level)
    {
        double t = At(level).Sigma;
        int half = section.Hidden / 2;
        var encoding = new float[section.Hidden];
        for (int i = 0; i < half; i++)
        {
            (double sine, double cosine) = Math.SinCos(Fastest * t * Math.Pow(Slowest, -(double)i / half));
            (encoding[i], encoding[half + i]) = ((float)(Math.Sqrt(2) * cosine), (float)(Math.Sqrt(2) * sine));
        }

        return encoding;
    }

    private static float Between(float[] values, float level)
    {
        float place = level * (values.Length - 1);
        int before = Math.Min((int)place, values.Length - 2);
        return values[before] + ((place - before) * (values[before + 1] - values[before]));
    }
}
