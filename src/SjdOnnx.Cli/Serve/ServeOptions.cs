using SjdOnnx.Runtime;
using SjdOnnx.Server;

namespace SjdOnnx.Cli.Serve;

/// <summary>What the user asked serve for.</summary>
internal sealed record ServeOptions
{
    /// <summary>Where to listen.</summary>
    public required IReadOnlyList<ServeAddress> Addresses { get; init; }

    /// <summary>The models' names and folders; the first is the default.</summary>
    public required IReadOnlyList<ServedModel> Models { get; init; }

    /// <summary>How each model is loaded.</summary>
    public required TextToImageOptions Loading { get; init; }

    /// <summary>Sets everything else.</summary>
    public required Action<SjdOnnxServerOptions> Configure { get; init; }

    /// <summary>A PEM file with the certificate of https addresses, and perhaps its key; null for none.</summary>
    public string? Certificate { get; init; }

    /// <summary>A PEM file with the certificate's private key; null if it is in the same file.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>Whether each line of the log is a JSON object.</summary>
    public bool JsonLog { get; init; }

    /// <summary>Where traces, metrics and logs are sent; null for what OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere.</summary>
    public Uri? Otlp { get; init; }
}

/// <param name="Name">The name that clients use.</param>
/// <param name="Folder">Holds model.json.</param>
internal sealed record ServedModel(string Name, string Folder);
