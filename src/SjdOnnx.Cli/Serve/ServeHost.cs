using System.Collections;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;
using SjdOnnx.Server;
using SjdOnnx.Server.Drawing;

namespace SjdOnnx.Cli.Serve;

/// <summary>
/// Puts the server together. It reads no configuration files and no environment variables except those of OpenTelemetry: the command line
/// alone decides where it listens.
/// </summary>
internal static class ServeHost
{
    private const string OtlpVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static WebApplication Build(ServeOptions options)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSjdOnnxServer(server =>
        {
            foreach (ServedModel model in options.Models)
                server.Models[model.Name] = new SjdOnnxOptions { Model = model.Folder, Configure = _ => options.Loading };
            server.DefaultModel = options.Models[0].Name;
            options.Configure(server);
        });
        builder.Services.Replace(ServiceDescriptor.Singleton<IHostLifetime, SignalsAreHandledElsewhere>());
        Listen(builder, options);
        Log(builder.Logging, options.JsonLog);
        Export(builder, options.Otlp);

        WebApplication app = builder.Build();
        app.UseCors();
        app.MapSjdOnnx();
        return app;
    }

    private static void Listen(WebApplicationBuilder builder, ServeOptions options)
    {
        const int MaxConnections = 1000;
        SslStreamCertificateContext? certificate =
            options.Certificate is null ? null : ReadCertificate(options.Certificate, options.CertificateKey);
        builder.WebHost.UseKestrelCore().UseUrls([.. options.Addresses.Select(static address => address.Url)]);
        if (certificate is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            if (certificate is not null)
                kestrel.ConfigureHttpsDefaults(https => Use(certificate, https));
        });
    }

    /// <summary>
    /// Kestrel would make its own context from a certificate, which fetches missing certificates and revocation answers from the network.
    /// </summary>
    private static void Use(SslStreamCertificateContext certificate, HttpsConnectionAdapterOptions https)
    {
        https.ServerCertificateSelector = (_, _) => certificate.TargetCertificate;
        https.OnAuthenticate = (_, tls) =>
            (tls.ServerCertificateSelectionCallback, tls.ServerCertificateContext) = (null, certificate);
    }

    /// <summary>Reads a certificate with its key, and the certificates behind it, which lead to an authority that clients know.</summary>
    private static SslStreamCertificateContext ReadCertificate(string path, string? keyPath)
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(path, keyPath);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(path);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Input,
                $"--certificate is '{path}', which cannot be used: {error.Message} It must be a PEM file with a certificate and its key.",
                error);
        }
    }

    private static void Log(ILoggingBuilder logging, bool json)
    {
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // a failure to start is the program's own message
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None); // a supervisor asks again and again
        logging.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (json)
        {
            logging.AddJsonConsole(static log => (log.UseUtcTimestamp, log.TimestampFormat, log.IncludeScopes) = (true, "O", true));
            logging.Configure(static factory => factory.ActivityTrackingOptions = ActivityTrackingOptions.TraceId);
        }
        else
        {
            logging.AddConsole(static console => console.FormatterName = LogLineFormatter.FormatterName);
            logging.Services.AddSingleton<ConsoleFormatter, LogLineFormatter>(); // AddConsoleFormatter would bind options by reflection
        }
    }

    /// <summary>Nothing leaves the machine unless a collector is named.</summary>
    private static void Export(WebApplicationBuilder builder, Uri? collector)
    {
        builder.Configuration.AddInMemoryCollection(Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Where(static variable => ((string)variable.Key).StartsWith("OTEL_", StringComparison.Ordinal))
            .Select(static variable => KeyValuePair.Create((string)variable.Key, (string?)variable.Value)));
        if (collector is not null)
            builder.Configuration[OtlpVariable] = collector.ToString();
        if (string.IsNullOrEmpty(builder.Configuration[OtlpVariable]))
            return;

        builder.Services.AddOpenTelemetry()
            .ConfigureResource(static resource => resource.AddService("sjdonnx", serviceVersion: TextToImage.Version))
            .WithTracing(static tracing => tracing
                .AddSource(TextToImage.TelemetryName)
                .AddAspNetCoreInstrumentation(static http => http.Filter = static context =>
                    !context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal)))
            .WithMetrics(static metrics => metrics
                .AddMeter(TextToImage.TelemetryName, ServerTelemetry.Name)
                .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"))
            .WithLogging()
            .UseOtlpExporter();
    }

    /// <summary><see cref="StopSignals"/> hears the signals; the host's own lifetime would swallow the second one.</summary>
    private sealed class SignalsAreHandledElsewhere : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
