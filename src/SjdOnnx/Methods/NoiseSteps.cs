using SjdOnnx.Decoding;

namespace SjdOnnx.Methods;

/// <summary>How slots come from noise to their codes, as several methods share it: by a step in each pass.</summary>
internal static class NoiseSteps
{
    /// <summary>While verifying: the slot at <see cref="Window.End"/> has been predicted, but no pass has read it yet.</summary>
    public static void Enter(Window window, int steps) => Set(window, window.End, steps + 1);

    /// <summary>While redrafting: every slot takes a step, and those that enter the window are noise.</summary>
    public static void Descend(Window window, int steps)
    {
        for (int position = window.Start; position < window.End; position++)
            Set(window, position, position < window.Predicted ? Math.Max(0, window.Step(position) - 1) : steps);
    }

    private static void Set(Window window, int position, int steps) =>
        window.SetStep(position, window.Layout.IsForced(position) ? 0 : steps);
}
