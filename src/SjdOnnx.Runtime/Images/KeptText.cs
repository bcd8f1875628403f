namespace SjdOnnx.Runtime.Images;

/// <summary>Limits how much of a file is kept in memory while it is read.</summary>
internal static class KeptText
{
    /// <summary>The most bytes that are kept. Generation data usually have a few thousand.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    /// <exception cref="ImageFormatException">The length exceeds <see cref="MaxBytes"/>.</exception>
    public static void CheckLength(long bytes)
    {
        if (bytes > MaxBytes)
            throw new ImageFormatException($"Its generation data have more than {MaxBytes >> 20} MiB, the most that is read.");
    }
}
