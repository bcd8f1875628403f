using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>The Jacobi iteration, as several methods share it.</summary>
public static class JacobiDrafting
{
    /// <summary>Draws every predicted slot again from the distribution that the pass gave it: q = p.</summary>
    public static void Redraft(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            window[position] = random.Draw(window.Q(position), position, Purpose.Draw);
    }
}
