namespace SjdOnnx.Cli;

/// <summary>Puts files in place so that nobody ever sees half of one: written under another name beside the target, then renamed.</summary>
internal static class OutputFile
{
    /// <summary>Fails before the work, rather than after it, if the file cannot be written. Leaves what is there as it is.</summary>
    /// <exception cref="CommandException">The sentence says why.</exception>
    public static void CheckWritable(string path)
    {
        string target = Target(path);
        if (Directory.Exists(target) || path.EndsWith(Path.DirectorySeparatorChar))
            throw Unwritable(path, "it is a folder; give the name of a file in it");

        string folder = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(folder))
            throw Unwritable(path, $"there is no folder '{folder}'; make it first");

        // Renaming a file onto a device would replace the device.
        if (folder == "/dev")
            throw Unwritable(path, "it is a device; give the name of a file");

        try
        {
            if (File.Exists(target))
                File.Open(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete).Dispose();
            else
                CreateAndDelete(target);
            CreateAndDelete(TemporaryBeside(target));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, Reason(error), error);
        }
    }

    /// <summary>Writes a file, in place of what is there.</summary>
    /// <exception cref="CommandException">The sentence says why it cannot.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            WriteBeside(Target(path), bytes, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, Reason(error), error);
        }
    }

    /// <summary>Writes a file only if there is none of that name.</summary>
    /// <returns>False if there is one.</returns>
    /// <exception cref="CommandException">It cannot be written for another reason.</exception>
    public static bool TryWriteNew(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            WriteBeside(path, bytes, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, Reason(error), error);
        }
    }

    /// <summary>Removes a preview. One that cannot be removed is no reason to fail: the picture is there.</summary>
    public static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Print.Note($"'{path}' cannot be removed: {Reason(error)}.");
        }
    }

    private static void WriteBeside(string path, ReadOnlySpan<byte> bytes, bool overwrite)
    {
        string temporary = TemporaryBeside(path);
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                file.Write(bytes);
            File.Move(temporary, path, overwrite);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Short, so that it is legal wherever the target's name is.</summary>
    private static string TemporaryBeside(string path) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".sjd-{Path.GetRandomFileName()}");

    private static void CreateAndDelete(string path) =>
        new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();

    /// <summary>The file that is written: a link is written through, not replaced.</summary>
    public static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        try
        {
            return File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return full;
        }
    }

    private static CommandException Unwritable(string path, string why, Exception? error = null) =>
        new(ExitCode.Output, $"'{path}' cannot be written: {why}.", error);

    private static string Reason(Exception error) => error is UnauthorizedAccessException
        ? "permission denied; choose another place"
        : error.Message.TrimEnd('.');
}
