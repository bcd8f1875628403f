namespace SjdOnnx.Runtime;

/// <summary>Options for writing an image file. The defaults are legal for every format.</summary>
public sealed record ImageFileOptions
{
    /// <summary>The default quality of JPEG and lossy WebP files.</summary>
    public const int DefaultQuality = 90;

    internal static readonly ImageFileOptions Default = new();

    /// <summary>Whether the file records how the image was generated: prompt, seed, settings and model.</summary>
    public bool Metadata { get; init; } = true;

    /// <summary>
    /// Whether the metadata count the forward passes. With <see cref="WindowSize.Auto"/> that number follows the machine's speed and the
    /// images that shared the passes. Without it, seed-exact methods give a file the same bytes on every machine.
    /// </summary>
    public bool Statistics { get; init; } = true;

    /// <summary>
    /// The quality of JPEG and lossy WebP files, 1 to 100; null for <see cref="DefaultQuality"/>. Below 90, JPEG files store colors at half
    /// the resolution in both directions. PNG and lossless WebP files have no quality.
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

    /// <summary>Whether a WebP file keeps every pixel exactly. PNG files always do, and JPEG files cannot.</summary>
    public bool Lossless { get; init; }

    /// <summary>
    /// Whether to write larger files in less time, for previews for example: PNG without compression, and WebP with the least search. JPEG
    /// files stay the same.
    /// </summary>
    public bool Fast { get; init; }

    /// <exception cref="ArgumentException">The format does not support these options.</exception>
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
