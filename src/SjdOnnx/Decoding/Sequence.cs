using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>
/// The tokens of one image while they are decoded: the window, the model that holds the prompt and the cache, the decoder with the
/// settings, and the image's only source of randomness.
/// </summary>
public sealed class Sequence
{
    internal Sequence(Decoder decoder, IPromptedModel model, Randomness randomness, Window window) =>
        (Decoder, Model, Randomness, Window) = (decoder, model, randomness, window);

    /// <summary>The committed tokens, and the drafts that the next pass will judge.</summary>
    public Window Window { get; }

    /// <summary>Whether every token is committed.</summary>
    public bool IsComplete => Window.IsComplete;

    internal Decoder Decoder { get; }

    internal IPromptedModel Model { get; }

    internal Randomness Randomness { get; }

    /// <summary>The tokens of a complete sequence, and what they cost.</summary>
    /// <exception cref="InvalidOperationException">The sequence is not complete.</exception>
    public DecodedSequence ToDecoded()
    {
        if (!IsComplete)
        {
            throw new InvalidOperationException(
                $"{Window.Start} of {Window.Layout.Length} tokens are committed; the sequence is not complete.");
        }

        var codes = new int[Window.Layout.ImageTokens];
        Window.CopyCommittedCodes(codes);
        PassStatistics passes = Window.Statistics;
        return new DecodedSequence(
            codes, Window.Input.AllIds(), passes.ForwardPasses, passes.AcceptedHistogram.ToArray(), passes.DraftsPerPass);
    }
}
