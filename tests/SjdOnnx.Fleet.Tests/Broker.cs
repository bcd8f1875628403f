using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SjdOnnx.Fleet.Tests;

/// <summary>A test that needs RabbitMQ's server.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrokerFactAttribute : FactAttribute
{
    public BrokerFactAttribute()
    {
        if (!File.Exists(Broker.Server) && Environment.GetEnvironmentVariable("CI") is null)
            Skip = $"RabbitMQ is not installed (Debian's rabbitmq-server): there is no {Broker.Server}.";
    }
}

/// <summary>
/// RabbitMQ as a node of its own on free ports of this machine, with a home, data and logs in a temporary folder. It can be killed, as by a
/// power failure, and started again with the same data.
/// </summary>
public sealed class Broker : IAsyncLifetime
{
    /// <summary>Debian's program on the PATH would change the user.</summary>
    public const string Server = "/usr/lib/rabbitmq/bin/rabbitmq-server";

    /// <summary>RabbitMQ 3.10 has the disk store the name of a new quorum queue some seconds later, and cannot restore it before.</summary>
    public static readonly TimeSpan UntilQueuesAreStored = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-broker-").FullName;
    private readonly int _port = FreePort();
    private readonly int _tlsPort = FreePort();
    private readonly int _nodePort = FreePort();
    private readonly int _mapperPort = FreePort();
    private Process? _mapper;
    private Process? _server;

    /// <summary>With the user and password that RabbitMQ has at first.</summary>
    public string Url => $"amqp://127.0.0.1:{_port}";

    /// <summary>For the host's name in the certificate.</summary>
    public string TlsUrl => $"amqps://localhost:{_tlsPort}";

    /// <summary>The certificate of the authority that signed the broker's.</summary>
    public string Authority => Path.Combine(_folder, "authority.pem");

    public FleetAddress Address => FleetAddress.Parse(Url, _ => null);

    public async Task InitializeAsync()
    {
        if (!File.Exists(Server))
            return;
        WriteCertificates();
        await File.WriteAllTextAsync(Path.Combine(_folder, "plugins"), "[].\n");
        await File.WriteAllTextAsync(Path.Combine(_folder, "rabbitmq.conf"), $"""
            listeners.tcp.1 = 127.0.0.1:{_port}
            listeners.ssl.1 = 127.0.0.1:{_tlsPort}
            ssl_options.cacertfile = {Authority}
            ssl_options.certfile = {Path.Combine(_folder, "server.pem")}
            ssl_options.keyfile = {Path.Combine(_folder, "server.key")}
            disk_free_limit.absolute = 50MB

            """);
        // Erlang would start its mapper of names to ports as a daemon, which would outlive the tests.
        _mapper = Start("epmd", "-port", $"{_mapperPort}", "-address", "127.0.0.1");
        await StartAsync();
    }

    public Task DisposeAsync()
    {
        Kill();
        _mapper?.Kill();
        _mapper?.Dispose();
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Returns when the node accepts connections.</summary>
    public async Task StartAsync()
    {
        _server = Start(Server);
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await (await FleetConnection.OpenAsync(Address, "test")).DisposeAsync();
                return;
            }
            catch (FleetException) when (!_server.HasExited && Stopwatch.GetElapsedTime(start) < Limit)
            {
                await Task.Delay(500);
            }
        }
    }

    /// <summary>Ends the node without warning.</summary>
    public void Kill()
    {
        _server?.Kill(entireProcessTree: true);
        _server?.WaitForExit();
        _server?.Dispose();
        _server = null;
    }

    private Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in new Dictionary<string, string>
        {
            ["HOME"] = _folder,
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(_folder, "data"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(_folder, "log"),
            ["RABBITMQ_NODENAME"] = $"sjd{_port}@localhost",
            ["RABBITMQ_DIST_PORT"] = $"{_nodePort}",
            ["RABBITMQ_CONFIG_FILE"] = Path.Combine(_folder, "rabbitmq.conf"),
            ["RABBITMQ_CONF_ENV_FILE"] = Path.Combine(_folder, "none"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(_folder, "plugins"),
            ["RABBITMQ_PID_FILE"] = Path.Combine(_folder, "pid"),
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            ["ERL_EPMD_PORT"] = $"{_mapperPort}",
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        })
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private void WriteCertificates()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest("CN=Test authority", authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 authority = authorityRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var serverRequest = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        serverRequest.CertificateExtensions.Add(names.Build());
        using X509Certificate2 server = serverRequest.Create(authority, now.AddDays(-1), now.AddDays(1), [1, 2, 3]);
        File.WriteAllText(Authority, authority.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "server.pem"), server.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "server.key"), serverKey.ExportECPrivateKeyPem());
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>One node for all tests that only connect to it.</summary>
[CollectionDefinition(Name)]
public sealed class UsesBroker : ICollectionFixture<Broker>
{
    public const string Name = "broker";
}
