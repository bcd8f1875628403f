using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>A picture in the making: where it stands, the model that holds its prompt and its cache, and all its chance.</summary>
public sealed class Picture
{
    internal Picture(IPromptedModel model, Randomness randomness, Window window) =>
        (Model, Randomness, Window) = (model, randomness, window);

    /// <summary>What is committed, and the drafts that the next pass will judge.</summary>
    public Window Window { get; }

    /// <summary>Whether every token is committed.</summary>
    public bool IsComplete => Window.IsComplete;

    internal IPromptedModel Model { get; }

    internal Randomness Randomness { get; }

    /// <summary>The tokens of a complete picture, and what they cost.</summary>
    /// <exception cref="InvalidOperationException">The picture is not complete.</exception>
    public Decoded ToDecoded()
    {
        if (!IsComplete)
            throw new InvalidOperationException($"{Window.Start} of {Window.Layout.Length} tokens are committed; the picture is not complete.");

        var codes = new int[Window.Layout.ImageTokens];
        Window.CopyCommittedCodes(codes);
        return new Decoded(codes, Window.ToIds(), Window.ForwardPasses, Window.AcceptedHistogram.ToArray(), Window.DraftsPerPass);
    }
}
