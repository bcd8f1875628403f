using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace SjdOnnx.Cli.Terminal;

/// <summary>Writes files that survive a crash of the process and of the machine: a file of the given name is always whole.</summary>
internal static partial class DurableFile
{
    /// <summary>
    /// Writes a temporary file, has the disk store it, renames it and has the disk store the folder. The temporary file has a name of its
    /// own for each target, so the next attempt after a crash reuses it and nothing is left over. Two processes that write equal bytes
    /// under one name at the same time do no harm: neither shortens the file under the other.
    /// </summary>
    /// <exception cref="CommandException">The file cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = TemporaryOf(path);
        try
        {
            const FileShare Share = FileShare.ReadWrite | FileShare.Delete;
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.OpenOrCreate, FileAccess.Write, Share))
            {
                RandomAccess.SetLength(file, bytes.Length);
                RandomAccess.Write(file, bytes, fileOffset: 0);
                RandomAccess.FlushToDisk(file);
            }

            Rename(temporary, path);
            FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            OutputFile.Remove(temporary);
            throw OutputFile.Unwritable(path, error);
        }
    }

    /// <summary>The name under which a file is written before it is complete: <c>.fox.png.part</c> for <c>fox.png</c>.</summary>
    public static string TemporaryOf(string path) =>
        Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".{Path.GetFileName(path)}.part");

    /// <summary>Has the disk store the names of a folder's files. Windows does so by itself.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;

        const int ReadOnly = 0;
        using var handle = new SafeFileHandle(Open(folder, ReadOnly), ownsHandle: true);
        if (handle.IsInvalid)
            throw new IOException($"the folder '{folder}' cannot be opened");
        RandomAccess.FlushToDisk(handle);
    }

    private static void Rename(string temporary, string path)
    {
        try
        {
            File.Move(temporary, path, overwrite: true);
        }
        catch (FileNotFoundException) when (File.Exists(path))
        {
            // Another process wrote the same image at the same time and renamed the file that both had written.
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Open(string path, int flags);
}
