namespace SjdOnnx.Runtime.Text;

/// <summary>
/// Checks that this process can normalize text. In globalization-invariant mode, .NET returns text unchanged and reports no error.
/// </summary>
internal static class UnicodeNormalization
{
    /// <param name="what">What needs normalization, as the subject of the error message.</param>
    /// <exception cref="ProviderException">This process cannot normalize text.</exception>
    public static void Require(string what)
    {
        if ("e\u0301".Normalize().Length != 1)
            throw new ProviderException(
                $"{what} needs Unicode normalization, which this program does not have: it runs in globalization-invariant mode. Set " +
                "InvariantGlobalization to false in its project (or DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0), and install ICU " +
                "(Debian and Ubuntu: libicu-dev, or the package icu-libs).");
    }
}
