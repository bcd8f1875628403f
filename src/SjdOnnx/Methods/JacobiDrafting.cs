using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>The Jacobi iteration as the methods of this family share it.</summary>
public static class JacobiDrafting
{
    /// <summary>Draws every predicted slot anew from what the pass said of it, q = p, and gives the fresh ones a first guess.</summary>
    public static void Redraft(Window window, Initialisation initialisation, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = window.Start; position < Math.Min(window.Predicted, window.End); position++)
            window[position] = random.Draw(window.Q(position), position, Purpose.Draw);

        FillFresh(window, initialisation, random);
    }

    /// <summary>Gives the slots that no pass has predicted yet a first guess, left to right.</summary>
    public static void FillFresh(Window window, Initialisation initialisation, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        ArgumentNullException.ThrowIfNull(initialisation);
        for (int position = Math.Max(window.Predicted, window.Start); position < window.End; position++)
            initialisation.Fill(window, position, random);
    }
}
