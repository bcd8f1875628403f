using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>The share of the code and the share of noise in an embedding, by level: 0 is the code, 1 noise.</summary>
internal sealed class NoiseSchedule(DenoisingSection section)
{
    /// <summary>Channels of an embedding.</summary>
    public int Channels => section.Hidden;

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

    private static float Between(float[] values, float level)
    {
        float place = level * (values.Length - 1);
        int before = Math.Min((int)place, values.Length - 2);
        return values[before] + ((place - before) * (values[before + 1] - values[before]));
    }
}
