using System.Net;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Serve;

/// <summary>An address to listen on.</summary>
/// <param name="Url">Such as <c>http://127.0.0.1:8080</c>.</param>
/// <param name="IsLoopback">Whether only this machine can reach it.</param>
internal sealed record ServeAddress(string Url, bool IsLoopback)
{
    public bool IsEncrypted => Url.StartsWith("https:", StringComparison.Ordinal);

    /// <exception cref="CommandException">The text is no such address.</exception>
    public static ServeAddress Parse(string text)
    {
        // Kestrel knows * and + as every address of the machine, and Uri does not know them as hosts.
        string parsed = text.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)
            .Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
        if (!Uri.TryCreate(parsed, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https") || uri.PathAndQuery != "/"
            || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            throw new CommandException(ExitCode.Usage,
                $"--urls has '{text}'; each must be a scheme, a host and a port, such as http://127.0.0.1:8080.");
        }

        bool isName = !IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? address);
        if (isName && !uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            throw new CommandException(ExitCode.Usage,
                $"--urls has '{text}'; the host must be localhost or an IP address, such as 127.0.0.1, or 0.0.0.0 for all.");
        }

        if (isName && uri.Port == 0)
        {
            throw new CommandException(ExitCode.Usage,
                $"--urls has '{text}'; port 0, which stands for any free one, needs an IP address, such as http://127.0.0.1:0.");
        }

        return new ServeAddress(parsed, isName || IPAddress.IsLoopback(address!));
    }
}
