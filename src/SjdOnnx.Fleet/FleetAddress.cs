using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RabbitMQ.Client;

namespace SjdOnnx.Fleet;

/// <summary>Where the broker is, and how to enter: a URL, and credentials from the environment.</summary>
public sealed class FleetAddress
{
    /// <summary>The environment variable with the URL.</summary>
    public const string UrlVariable = "SJD_QUEUE";

    /// <summary>The environment variable with the user's name.</summary>
    public const string UserVariable = "SJD_QUEUE_USER";

    /// <summary>The environment variable with the password.</summary>
    public const string PasswordVariable = "SJD_QUEUE_PASSWORD";

    /// <summary>The environment variable with the file of a certificate authority, in PEM, that signed the broker's certificate.</summary>
    public const string AuthorityVariable = "SJD_QUEUE_CA";

    private const string UsualUser = "guest";

    private readonly Uri _uri;
    private readonly string _user;
    private readonly string _password;
    private readonly X509Certificate2Collection? _authorities;

    private FleetAddress(Uri uri, string user, string password, X509Certificate2Collection? authorities) =>
        (_uri, _user, _password, _authorities) = (uri, user, password, authorities);

    /// <param name="url">As <c>amqp://host:5672/vhost</c>, or with <c>amqps</c> for TLS; null takes the environment's.</param>
    /// <param name="variable">Returns the value of an environment variable, or null.</param>
    /// <exception cref="FleetException">The URL or the file of the certificate authority cannot be used.</exception>
    public static FleetAddress Parse(string? url, Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        string text = url ?? variable(UrlVariable) ?? throw new FleetException(
            $"There is no queue; give --queue amqp://HOST, or set {UrlVariable}.", isRefused: true);
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("amqp" or "amqps") || uri.Host.Length == 0)
            throw new FleetException("The queue's URL must be such as amqp://host:5672/vhost, or amqps://host for TLS.", isRefused: true);

        string[] parts = uri.UserInfo.Split(':', 2);
        string user = parts[0].Length > 0 ? Uri.UnescapeDataString(parts[0]) : variable(UserVariable) ?? UsualUser;
        string password = parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : variable(PasswordVariable) ?? UsualUser;
        return new FleetAddress(uri, user, password, Authorities(variable(AuthorityVariable)));
    }

    /// <summary>The URL without user and password, for messages.</summary>
    public override string ToString() => $"{_uri.Scheme}://{_uri.Authority[(_uri.Authority.IndexOf('@', StringComparison.Ordinal) + 1)..]}"
        + $"{_uri.AbsolutePath.TrimEnd('/')}";

    /// <param name="name">Of the program, for the broker's list of connections.</param>
    internal ConnectionFactory Factory(string name)
    {
        var factory = new ConnectionFactory
        {
            Uri = new UriBuilder(_uri) { UserName = "", Password = "" }.Uri,
            UserName = _user,
            Password = _password,
            ClientProvidedName = name,
            // Deliveries from before an interruption are settled by the broker. We connect anew, and recognize images that are there.
            AutomaticRecoveryEnabled = false,
            RequestedConnectionTimeout = TimeSpan.FromSeconds(10),
        };
        if (factory.Ssl.Enabled && _authorities is not null)
            factory.Ssl.CertificateValidationCallback = IsTrusted;
        return factory;
    }

    private bool IsTrusted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        // Only the chain may be unknown to the system; the name in the certificate must be right.
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
            return false;
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(_authorities!);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return own.Build(X509CertificateLoader.LoadCertificate(certificate.GetRawCertData()));
    }

    private static X509Certificate2Collection? Authorities(string? file)
    {
        if (string.IsNullOrEmpty(file))
            return null;
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            return authorities.Count > 0 ? authorities : throw new CryptographicException("it holds no certificate");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new FleetException(
                $"{AuthorityVariable} '{file}' cannot be read: {error.Message.TrimEnd('.')}; give a file with a certificate in PEM.",
                isRefused: true, error);
        }
    }
}
