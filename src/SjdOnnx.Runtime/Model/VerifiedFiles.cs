using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Machine;

namespace SjdOnnx.Runtime.Model;

/// <summary>A file at the time when its hash was computed.</summary>
/// <param name="Changed">Time of the last change, in UTC ticks.</param>
internal sealed record VerifiedFile(long Bytes, long Changed, string Sha256);

/// <summary>
/// Remembers the hashes of a model folder's files. The cache folder has one file for each model folder. If that file is damaged or cannot
/// be written, hashes are computed again.
/// </summary>
/// <param name="cache">The cache folder, which is created when needed; null to remember nothing.</param>
/// <param name="folder">The model folder.</param>
/// <param name="clock">Null for the system's clock.</param>
internal sealed class VerifiedFiles(string? cache, string folder, TimeProvider? clock = null)
{
    private const int Format = 1;

    /// <summary>
    /// A file that changed less than this ago is not remembered. Within the resolution of the file system's clock, its time would not show
    /// another change.
    /// </summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private readonly string _folder = Path.GetFullPath(folder);

    /// <summary>Files that changed at this time or later are not remembered. It is set before any hash is computed.</summary>
    private readonly long _youngest = ((clock ?? TimeProvider.System).GetUtcNow() - Settled).UtcTicks;

    /// <summary>The cache's file for this model folder; null if there is no cache.</summary>
    public string? FilePath => cache is null ? null
        : Path.Combine(cache, $"verified-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_folder)))[..16]}.json");

    /// <summary>The remembered files by name; empty if there are none or they cannot be read.</summary>
    public Dictionary<string, VerifiedFile> Read()
    {
        if (FilePath is not string path)
            return [];
        try
        {
            VerifiedRecord? record = JsonSerializer.Deserialize(File.ReadAllBytes(path), VerifiedJson.Default.VerifiedRecord);
            // The reader refuses null in fields, but not in dictionaries.
            bool isWhole = record is { Format: Format } && record.Folder == _folder && !record.Files.ContainsValue(null!);
            return isWhole ? record!.Files : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    /// <summary>Remembers these files and forgets all others. The cache's file is replaced as a whole or not at all.</summary>
    /// <returns>Whether it could be written.</returns>
    public bool Write(IReadOnlyDictionary<string, VerifiedFile> files)
    {
        if (FilePath is not string path)
            return false;
        var settled = new Dictionary<string, VerifiedFile>(files.Where(file => file.Value.Changed < _youngest));
        var record = new VerifiedRecord(Format, _folder, settled);
        return CacheFolder.TryReplace(path, JsonSerializer.SerializeToUtf8Bytes(record, VerifiedJson.Default.VerifiedRecord));
    }
}

internal sealed record VerifiedRecord(int Format, string Folder, Dictionary<string, VerifiedFile> Files);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(VerifiedRecord))]
internal sealed partial class VerifiedJson : JsonSerializerContext;
