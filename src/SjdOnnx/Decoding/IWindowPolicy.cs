namespace SjdOnnx.Decoding;

/// <summary>Decides how many drafts the next pass carries. One instance may serve any number of images at once.</summary>
/// <remarks>
/// Sampling stays exact if the decision depends on committed positions alone: on <see cref="Window.Start"/>,
/// <see cref="Window.Statistics"/> and the policy's own earlier decisions.
/// </remarks>
public interface IWindowPolicy
{
    /// <summary>The most drafts that it ever asks for, 0 or more: the size of the window.</summary>
    int MaxDrafts { get; }

    /// <summary>The drafts of the next pass, 0 to <see cref="MaxDrafts"/>.</summary>
    /// <param name="window">A window that has just committed.</param>
    int NextDrafts(Window window);
}
