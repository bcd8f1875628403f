namespace SjdOnnx.Peers.Engines;

/// <summary>An engine with an open model.</summary>
internal interface IEngine : IDisposable
{
    /// <summary>Draws an image.</summary>
    /// <param name="image">Counts the images of the process. SjdOnnx takes it as the seed.</param>
    /// <param name="greedy">Whether to take the largest logit. Only SjdOnnx can do anything else.</param>
    /// <param name="firstToken">Called when the first token is known.</param>
    Drawn Draw(int image, bool greedy, Action firstToken);
}

/// <summary>An image.</summary>
/// <param name="Codes">Counted from 0.</param>
/// <param name="Elapsed">From the prompt to the last code, without the image decoder.</param>
internal sealed record Drawn(IReadOnlyList<int> Codes, TimeSpan Elapsed);
