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

    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private readonly MemoryCache _files = new(new MemoryCacheOptions { SizeLimit = MaxBytes });

    /// <summary>Keeps a file. If there is no room, those that are nearest to their end go first.</summary>
    /// <returns>The file's name.</returns>
    public string Add(byte[] file, string format)
    {
        string name = $"{RandomNumberGenerator.GetHexString(32, lowercase: true)}.{format}";
        _files.Set(name, file, new MemoryCacheEntryOptions { Size = file.Length, AbsoluteExpirationRelativeToNow = Lifetime });
        return name;
    }

    /// <returns>Null if there is no such file, or no longer.</returns>
    public byte[]? Find(string name) => _files.Get<byte[]>(name);

    public void Dispose() => _files.Dispose();
}
