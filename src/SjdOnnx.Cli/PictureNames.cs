using System.Globalization;

namespace SjdOnnx.Cli;

/// <summary>How the pictures of one command are called.</summary>
/// <param name="output">The name the user gave, or null to make names from the seeds.</param>
/// <param name="count">Pictures in all.</param>
/// <param name="extension">Of names made from seeds and of previews, with its dot.</param>
internal sealed class PictureNames(string? output, int count, string extension)
{
    /// <summary>The name of a picture. With --output and several pictures its index stands before the extension, with as many digits
    /// as the last one needs, so that names sort as pictures do. A name made from a seed is one that no file has now.</summary>
    /// <param name="index">0 for the first picture.</param>
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

    /// <summary>Where an unfinished picture is shown: beside the picture, <c>fox.png</c> as <c>fox.preview.png</c>.</summary>
    public string PreviewOf(string name) => $"{Path.ChangeExtension(name, null)}.preview{extension}";

    /// <summary>Writes a finished picture.</summary>
    /// <param name="name">From <see cref="Of"/>.</param>
    /// <returns>The name it got: another one if a file has taken a name made from a seed in the meantime.</returns>
    /// <exception cref="CommandException">It cannot be written.</exception>
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
