namespace SjdOnnx.Runtime;

/// <summary>How an image is written as a file. The defaults suit every format.</summary>
public sealed record ImageFileOptions
{
    /// <summary>The quality of JPEG and lossy WebP where none is given.</summary>
    public const int DefaultQuality = 90;

    internal static readonly ImageFileOptions Default = new();

    /// <summary>Whether the file says how the picture was drawn: prompt, seed, settings and model.</summary>
    public bool Metadata { get; init; } = true;

    /// <summary>
    /// The quality of JPEG and lossy WebP, from 1 to 100; null for <see cref="DefaultQuality"/>. From 90 on a JPEG keeps the colors of
    /// every pixel, below that of every second one in both directions. PNG and lossless WebP have none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1 or above 100.</exception>
    public int? Quality
    {
        get;
        init
        {
            if (value is < 1 or > 100)
                throw new ArgumentOutOfRangeException(nameof(Quality), value, "The quality must be from 1 to 100.");
            field = value;
        }
    }

    /// <summary>Whether a WebP keeps every pixel as it is. PNG always does, JPEG cannot.</summary>
    public bool Lossless { get; init; }

    /// <summary>Whether to write larger files in less time, as for previews: an uncompressed PNG, and a WebP with little search.</summary>
    public bool Fast { get; init; }

    /// <exception cref="ArgumentException">The format does not have what these options ask for.</exception>
    internal void CheckFor(ImageFormat format)
    {
        if (Quality is int quality && format == ImageFormat.Png)
            throw new ArgumentException($"Quality is {quality}; PNG is lossless and has no quality. Leave it null, or write JPEG or WebP.");
        if (Quality is int lossy && Lossless)
            throw new ArgumentException($"Quality is {lossy} and Lossless is true; a file has one or the other.");
        if (Lossless && format == ImageFormat.Jpeg)
            throw new ArgumentException("Lossless is true; JPEG is always lossy. Write PNG or WebP.");
    }
}
