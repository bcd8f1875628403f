namespace SjdOnnx.Runtime.Images;

/// <summary>Puts files in place so that nobody ever sees half of one: written under another name beside the target, then renamed.</summary>
internal static class WholeFile
{
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        string full = Path.GetFullPath(path);
        // A link is written through, not replaced.
        string target = Path.Exists(full) && File.ResolveLinkTarget(full, returnFinalTarget: true) is { } final ? final.FullName : full;
        // Short, so that it is legal wherever the target's name is.
        string temporary = Path.Combine(Path.GetDirectoryName(target)!, $".sjd-{Path.GetRandomFileName()}");
        try
        {
            await File.WriteAllBytesAsync(temporary, bytes, cancellation).ConfigureAwait(false);
            File.Move(temporary, target, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
