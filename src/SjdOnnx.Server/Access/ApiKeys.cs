using System.Security.Cryptography;
using System.Text;

namespace SjdOnnx.Server.Access;

/// <summary>The keys of a server, as hashes of equal length.</summary>
internal sealed class ApiKeys(IEnumerable<string> keys)
{
    private readonly byte[][] _hashes = [.. keys.Select(Hash)];

    /// <summary>Whether requests must carry a key.</summary>
    public bool AreNeeded => _hashes.Length > 0;

    /// <summary>Whether a text is one of the keys. The time it takes says nothing about how much of a key is right.</summary>
    public bool Contain(string text)
    {
        byte[] hash = Hash(text);
        bool found = false;
        foreach (byte[] known in _hashes)
            found |= CryptographicOperations.FixedTimeEquals(hash, known);
        return found;
    }

    /// <summary>
    /// Whether an Authorization header carries a key: <c>Bearer KEY</c>, as OpenAI's clients send it, or <c>Basic</c> with any user name
    /// and the key as the password, as web UIs do.
    /// </summary>
    public bool Authorize(string? header)
    {
        if (header?.Split(' ', 2, StringSplitOptions.TrimEntries) is not [var scheme, var credentials])
            return false;
        if (scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
            return Contain(credentials);
        if (!scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))
            return false;
        byte[] decoded = new byte[credentials.Length];
        if (!Convert.TryFromBase64String(credentials, decoded, out int length))
            return false;
        string pair = Encoding.UTF8.GetString(decoded, 0, length);
        return Contain(pair[(pair.IndexOf(':', StringComparison.Ordinal) + 1)..]);
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
