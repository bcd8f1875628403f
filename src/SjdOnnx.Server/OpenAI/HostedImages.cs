using System.Security.Cryptography;
using Microsoft.Extensions.Caching.Memory;

namespace SjdOnnx.Server.OpenAI;

/// <summary>
/// Files that answers give the addresses of. They are kept in memory for a while, since the server writes no files. An address cannot be
/// guessed, so it needs no key.
/// </summary>
internal sealed class HostedImages : IDisposable
{
    private const long MaxBytes = 64 << 20;
    private const double Part = 0.25; // of the files that go when there is no room

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly MemoryCache _files = new(new MemoryCacheOptions { SizeLimit = MaxBytes });

    /// <summary>Keeps a file of at most 64 MiB. If there is no room, files that nobody asked for lately go.</summary>
    /// <returns>The file's name.</returns>
    public string Add(byte[] file, string format)
    {
        string name = $"{RandomNumberGenerator.GetHexString(32, lowercase: true)}.{format}";
        Set();
        // A full cache does not take a new file and drops old ones later: the newest would be the one that is missing.
        while (Find(name) is null && _files.Count > 0)
        {
            _files.Compact(Part);
            Set();
        }

        return name;

        void Set() => _files.Set(
            name, file, new MemoryCacheEntryOptions { Size = file.Length, AbsoluteExpirationRelativeToNow = Lifetime });
    }

    /// <returns>Null if there is no such file, or no longer.</returns>
    public byte[]? Find(string name) => _files.Get<byte[]>(name);

    public void Dispose() => _files.Dispose();
}
