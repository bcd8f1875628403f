namespace SjdOnnx.Methods;

/// <summary>What decoding methods let their users choose; a method may have no use for a choice.</summary>
public sealed record DecodingOptions
{
    /// <summary>The largest <see cref="WindowSize"/>.</summary>
    public const int LargestWindow = 1024;

    /// <summary>The most drafts open at once, 0 to <see cref="LargestWindow"/>; 0 decodes one token per forward pass.</summary>
    public int WindowSize
    {
        get;
        init => field = value is >= 0 and <= LargestWindow
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(WindowSize), value, $"The window must be between 0 and {LargestWindow} drafts; 16 is usual.");
    } = 16;

    /// <summary>The first guess at a position of which the model has said nothing yet.</summary>
    public Initialisation Initialisation { get; init; } = Initialisation.Uniform;
}
