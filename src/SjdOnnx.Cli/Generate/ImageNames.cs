using System.Globalization;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Generate;

/// <summary>Names of the image files that one command writes.</summary>
/// <param name="output">The name that the user gave; null to make names from the seeds.</param>
/// <param name="count">Images in all.</param>
/// <param name="extension">The extension of names made from seeds and of previews, with its dot.</param>
internal sealed class ImageNames(string? output, int count, string extension)
{
    /// <summary>
    /// The name of an image. With --output and several images its index stands before the extension, with as many digits as the last one
    /// needs, so that names sort as the images do. A name made from a seed is one that no file has yet.
    /// </summary>
    /// <param name="index">0 for the first image.</param>
    public string Of(int index, ulong seed)
    {
        if (output is null)
            return FreeNames(seed).First();
        if (count == 1)
            return output;

        int digits = (count - 1).ToString(CultureInfo.InvariantCulture).Length;
        string number = index.ToString(CultureInfo.InvariantCulture).PadLeft(digits, '0');
        return $"{Path.ChangeExtension(output, null)}-{number}{Path.GetExtension(output)}";
    }

    /// <summary>The preview's name, beside the image: <c>fox.preview.png</c> for <c>fox.png</c>.</summary>
    public string PreviewOf(string name) => $"{Path.ChangeExtension(name, null)}.preview{extension}";

    /// <summary>Writes a finished image.</summary>
    /// <param name="name">From <see cref="Of"/>.</param>
    /// <returns>The file's name. It is another one if a file has taken a name made from the seed in the meantime.</returns>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public string Write(string name, ulong seed, byte[] file)
    {
        if (StandardStreams.IsOutput(output))
        {
            Print.File(file);
            return name;
        }

        if (output is not null)
        {
            OutputFile.Replace(name, file);
            return name;
        }

        while (!OutputFile.TryWriteNew(name, file))
            name = FreeNames(seed).First();
        return name;
    }

    private IEnumerable<string> FreeNames(ulong seed) =>
        Enumerable.Range(1, int.MaxValue)
            .Select(n => string.Create(CultureInfo.InvariantCulture, $"sjd-{seed:D8}{(n == 1 ? "" : $"-{n}")}{extension}"))
            .Where(name => !Path.Exists(name) && !Path.Exists(PreviewOf(name)));
}
