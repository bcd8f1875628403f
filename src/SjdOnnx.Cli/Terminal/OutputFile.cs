namespace SjdOnnx.Cli.Terminal;

/// <summary>Writes files under a temporary name and renames them, so that a file appears whole or not at all.</summary>
internal static class OutputFile
{
    /// <summary>Checks before the work that a file can be written after it. An existing file is left alone.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public static void CheckWritable(string path)
    {
        string target = Target(path);
        if (Directory.Exists(target) || path.EndsWith(Path.DirectorySeparatorChar))
            throw Unwritable(path, "it is a folder; give the name of a file in it");

        string folder = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(folder))
            throw Unwritable(path, $"there is no folder '{folder}'; create it first");

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
            throw Unwritable(path, error);
        }
    }

    /// <summary>Creates a folder for files, unless it is there.</summary>
    /// <exception cref="CommandException">It cannot be created.</exception>
    public static void CreateFolder(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, error);
        }
    }

    /// <summary>Writes a file and replaces an existing one.</summary>
    /// <exception cref="CommandException">It cannot be written.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            WriteBeside(Target(path), bytes, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(path, error);
        }
    }

    /// <summary>Writes a file unless one of that name exists.</summary>
    /// <returns>False if one exists.</returns>
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
            throw Unwritable(path, error);
        }
    }

    /// <summary>Removes a preview. If that fails, it is only noted, because the image itself has been written.</summary>
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

    /// <summary>A short name, which is legal wherever the target's name is.</summary>
    private static string TemporaryBeside(string path) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".sjd-{Path.GetRandomFileName()}");

    private static void CreateAndDelete(string path) =>
        new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();

    /// <summary>The full path of the file that is written: where <paramref name="path"/> is a link, the file that it leads to.</summary>
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

    /// <summary>The complaint about a file that cannot be written.</summary>
    public static CommandException Unwritable(string path, Exception error) => Unwritable(path, Reason(error), error);

    private static CommandException Unwritable(string path, string why, Exception? error = null) =>
        new(ExitCode.Output, $"'{path}' cannot be written: {why}.", error);

    private static string Reason(Exception error) => error is UnauthorizedAccessException
        ? "permission denied; choose another place"
        : error.Message.TrimEnd('.');
}
