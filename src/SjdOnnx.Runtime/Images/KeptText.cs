namespace SjdOnnx.Runtime.Images;

/// <summary>The bound on what is kept of a file that is read.</summary>
internal static class KeptText
{
    /// <summary>Generation data take a few thousand bytes.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    /// <exception cref="ImageFormatException">It is more than <see cref="MaxBytes"/>.</exception>
    public static void CheckLength(long bytes)
    {
        if (bytes > MaxBytes)
            throw new ImageFormatException($"Its generation data have more than {MaxBytes >> 20} MiB, the most that is read.");
    }
}
