namespace SjdOnnx.Runtime;

/// <summary>A format of image files.</summary>
public enum ImageFormat
{
    Png,
    Jpeg,
    WebP,
}

/// <summary>The file name extensions of each <see cref="ImageFormat"/>.</summary>
public static class ImageFormats
{
    private static readonly (string Extension, ImageFormat Format)[] All =
        [(".png", ImageFormat.Png), (".jpg", ImageFormat.Jpeg), (".jpeg", ImageFormat.Jpeg), (".webp", ImageFormat.WebP)];

    /// <summary>All extensions that <see cref="TryFromPath"/> knows, with their dots.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [.. All.Select(each => each.Extension)];

    /// <summary>The usual extension of a format, with its dot.</summary>
    public static string Extension(this ImageFormat format) => All.First(each => each.Format == format).Extension;

    /// <summary>Finds the format that belongs to a path's extension, ignoring case.</summary>
    /// <returns>False if the extension belongs to none of these formats.</returns>
    public static bool TryFromPath(string path, out ImageFormat format)
    {
        string extension = Path.GetExtension(path);
        int index = Array.FindIndex(All, each => each.Extension.Equals(extension, StringComparison.OrdinalIgnoreCase));
        format = index < 0 ? default : All[index].Format;
        return index >= 0;
    }
}
