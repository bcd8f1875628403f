namespace SjdOnnx.Runtime.Tokenizers;

/// <summary>Whether this process can normalize text: in globalization-invariant mode, .NET leaves it as it is without a word.</summary>
internal static class UnicodeNormalization
{
    /// <param name="what">What needs it, as the sentence's subject.</param>
    /// <exception cref="ProviderException">It cannot.</exception>
    public static void Require(string what)
    {
        if ("e\u0301".Normalize().Length != 1)
            throw new ProviderException(
                $"{what} needs Unicode normalization, which this program does not have: it runs in globalization-invariant mode. Set " +
                "InvariantGlobalization to false in its project (or DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0), and install ICU " +
                "(Debian and Ubuntu: libicu-dev, or the package icu-libs).");
    }
}
