using System.Security.Cryptography;
using System.Text;

namespace SjdOnnx.Runtime;

/// <summary>Tells people once under which licence a model is theirs to use.</summary>
public static class LicenseNotice
{
    // They ask for nothing of who only draws pictures.
    private static readonly string[] Permissive = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"];

    /// <summary>
    /// What to show before the first picture; null if it was shown before, which a file in the cache remembers, or if the licence asks for
    /// nothing. Without a cache it is shown each time.
    /// </summary>
    /// <param name="cacheFolder"><see cref="TextToImageOptions.CacheFolder"/>.</param>
    public static string? Take(ModelDescription model, string? cacheFolder = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Permissive.Contains(model.License, StringComparer.OrdinalIgnoreCase))
            return null;

        string use = model.AllowsCommercialUse ? "" : " Not for commercial use.";
        string notice = $"The model {model.Name} is under the licence {model.License}.{use} {model.LicenseNotice}".TrimEnd();
        return CacheFolder.Find(cacheFolder, Environment.GetEnvironmentVariable) is string folder && !Remember(folder, notice) ? null : notice;
    }

    /// <returns>Whether it is new, or could not be written down.</returns>
    private static bool Remember(string folder, string notice)
    {
        string file = Path.Combine(folder, $"license-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(notice)))[..16]}.txt");
        if (File.Exists(file))
            return false;
        try
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(file, notice + "\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It will be shown again.
        }

        return true;
    }
}
