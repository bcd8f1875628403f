using System.Security.Cryptography;
using System.Text;
using SjdOnnx.Runtime.Machine;

namespace SjdOnnx.Runtime;

/// <summary>Shows people a model's license once.</summary>
public static class LicenseNotice
{
    // These licenses do not restrict people who only use the model.
    private static readonly string[] Permissive = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"];

    /// <summary>
    /// Returns what to show before the model is used. It is null if the license does not restrict people who use it, or if it was
    /// shown before, which a file in the cache folder remembers. Without a cache folder it is shown each time.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="cacheFolder"><see cref="ModelLoadOptions.CacheFolder"/>.</param>
    public static string? Take(IModelDescription model, string? cacheFolder = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Permissive.Contains(model.License, StringComparer.OrdinalIgnoreCase))
            return null;

        string use = model.AllowsCommercialUse ? "" : " Not for commercial use.";
        string notice = $"The model {model.Name} is under the license {model.License}.{use} {model.LicenseNotice}".TrimEnd();
        string? folder = CacheFolder.Find(cacheFolder, Environment.GetEnvironmentVariable);
        return folder is null || Remember(folder, notice) ? notice : null;
    }

    /// <returns>Whether it is new, or could not be written down.</returns>
    private static bool Remember(string folder, string notice)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(notice)))[..16];
        string file = Path.Combine(folder, $"license-{hash}.txt");
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
