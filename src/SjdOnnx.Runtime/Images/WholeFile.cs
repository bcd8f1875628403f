namespace SjdOnnx.Runtime.Images;

/// <summary>Writes files so that nobody ever sees a partial one: to a temporary file beside the target, which is then renamed.</summary>
internal static class WholeFile
{
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        string full = Path.GetFullPath(path);
        // Replaces the file that a link leads to, not the link.
        string target = Path.Exists(full) && File.ResolveLinkTarget(full, returnFinalTarget: true) is { } final ? final.FullName : full;
        // The name is short, so it is legal wherever the target's name is.
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
