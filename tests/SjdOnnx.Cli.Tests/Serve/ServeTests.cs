using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using SjdOnnx.Cli.Serve;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Serve;

public sealed class ServeTests
{
    private const int Terminate = 15;
    private const string Key = "0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("http://127.0.0.1:8080", true)]
    [InlineData("http://localhost:8080", true)]
    [InlineData("http://[::1]:8080", true)]
    [InlineData("https://127.0.0.9:8443", true)]
    [InlineData("http://0.0.0.0:8080", false)]
    [InlineData("http://*:8080", false)]
    [InlineData("http://+:8080", false)]
    [InlineData("http://[::]:8080", false)]
    [InlineData("http://192.168.0.7:8080", false)]
    public void Addresses_that_other_machines_can_reach_are_recognized(string url, bool isLoopback) =>
        Assert.Equal(isLoopback, ServeAddress.Parse(url).IsLoopback);

    [Theory]
    [InlineData("8080")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("http://studio.example:8080")]
    [InlineData("http://127.0.0.1:8080/path")]
    [InlineData("http://user@127.0.0.1:8080")]
    [InlineData("http://localhost:0")]
    public void Other_addresses_are_refused(string url) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<CommandException>(() => ServeAddress.Parse(url)).ExitCode);

    [Fact]
    public void Keys_come_from_the_file_and_the_environment()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("keys.txt"), $"# for the studio\n\n  {Key}  \n{Key}2\n");

        Assert.Equal([Key, Key + "2", Key + "3", Key + "4"], ApiKeyFile.Read(sjd.PathOf("keys.txt"), $"{Key}3,{Key}4"));
        Assert.Empty(ApiKeyFile.Read(null, null));
        File.WriteAllText(sjd.PathOf("none.txt"), "# nothing\n");
        foreach ((string? path, string? variable) in ((string?, string?)[])
            [(sjd.Folder, null), (sjd.PathOf("none.txt"), null), (sjd.PathOf("no-such-file"), null), (null, "tiny-key")])
        {
            var error = Assert.Throws<CommandException>(() => ApiKeyFile.Read(path, variable));
            Assert.Equal(ExitCode.Input, error.ExitCode);
            Assert.DoesNotContain(variable ?? Key, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("which other machines can reach; give --api-keys", "--urls", "http://0.0.0.0:8080")]
    [InlineData("give --certificate the PEM file", "--urls", "https://127.0.0.1:8443")]
    [InlineData("--urls has no https address", "--certificate", "certificate.pem")]
    [InlineData("--urls is ';'", "--urls", ";")]
    [InlineData("There is no model 'no-such-model'", "--model", "no-such-model")]
    [InlineData("--model gives the name 'emoji' twice", "--model", "emoji", "--model", "emoji")]
    [InlineData("--memory allows", "--memory", "0.001")]
    [InlineData("The CORS origin is 'app.example'", "--cors", "app.example")]
    [InlineData("--otlp is 'collector'", "--otlp", "collector")]
    [InlineData("--time-limit is '0'", "--time-limit", "0")]
    [InlineData("'8080' is one word too many", "8080")]
    public async Task Wrong_arguments_end_the_program_with_the_reason(string because, params string[] arguments)
    {
        using var sjd = new Sjd();
        if (!arguments.Contains("--model"))
            arguments = [.. arguments, "--model", TestModel.Folder!];

        Finished finished = await sjd.RunAsync(["serve", .. arguments]);

        Assert.Equal(arguments.Contains("no-such-model") ? ExitCode.Model : ExitCode.Usage, finished.ExitCode);
        Assert.Contains(because, finished.Error, StringComparison.Ordinal);
        Assert.Empty(finished.Output);
    }

    [Fact]
    public async Task The_server_prints_its_address_draws_writes_no_file_and_ends_with_SIGTERM()
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start("serve", "--urls", "http://127.0.0.1:0", "--model", TestModel.Folder!, "--log", "json");
        using var client = new HttpClient { BaseAddress = new Uri((await process.StandardOutput.ReadLineAsync())!) };
        HttpResponseMessage image = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = "a red fox", seed = 1 });
        HttpResponseMessage wrong = await client.PostAsJsonAsync("/v1/images/generations", new { prompt = new[] { "a red fox" } });

        Sjd.Signal(process, Terminate);

        Finished finished = await Sjd.FinishAsync(process);
        Assert.Equal((HttpStatusCode.OK, ExitCode.Done), (image.StatusCode, finished.ExitCode));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Empty(sjd.Files);
        string[] log = [.. finished.Error.Split('\n').Where(static line => line.StartsWith('{'))];
        Assert.Contains(log, static line =>
            JsonDocument.Parse(line).RootElement.GetProperty("Message").GetString()!.StartsWith("Drew 1 of ", StringComparison.Ordinal));
        Assert.DoesNotContain("red fox", finished.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_in_use_and_a_model_that_cannot_be_loaded_end_the_program_with_the_reason()
    {
        using var sjd = new Sjd();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        Finished taken = await sjd.RunAsync("serve", "--model", TestModel.Folder!, "--urls", $"http://127.0.0.1:{port}");
        Assert.Equal(ExitCode.Usage, taken.ExitCode);
        Assert.Contains("where this program cannot listen", taken.Error, StringComparison.Ordinal);

        using var copy = new ModelCopy();
        string graph = copy.OwnFile(Path.GetFileName(Directory.EnumerateFiles(copy.Folder, "image*.onnx").First()));
        await File.WriteAllBytesAsync(graph, new byte[new FileInfo(graph).Length]);
        Finished broken = await sjd.RunAsync("serve", "--model", copy.Folder, "--urls", "http://127.0.0.1:0");
        Assert.Equal(ExitCode.Model, broken.ExitCode);
        Assert.All((Finished[])[taken, broken], static ended => Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Https_works_with_a_certificate_and_a_key()
    {
        using var sjd = new Sjd();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllTextAsync(sjd.PathOf("certificate.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(sjd.PathOf("key.pem"), key.ExportPkcs8PrivateKeyPem());
        using Process process = sjd.Start(
            "serve", "--urls", "https://127.0.0.1:0", "--model", TestModel.Folder!, "--certificate", "certificate.pem",
            "--certificate-key", "key.pem");
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, seen, _, _) => seen!.Thumbprint == certificate.Thumbprint,
        };
        using var client = new HttpClient(handler) { BaseAddress = new Uri((await process.StandardOutput.ReadLineAsync())!) };

        Assert.Contains("\"data\"", await client.GetStringAsync("/v1/models"), StringComparison.Ordinal);

        Sjd.Signal(process, Terminate);
        Assert.Equal(ExitCode.Done, (await Sjd.FinishAsync(process)).ExitCode);
    }

    [Fact]
    public async Task The_certificates_between_the_servers_and_the_authoritys_are_sent()
    {
        using var sjd = new Sjd();
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        (X509Certificate2 root, ECDsa rootKey) = Issue("CN=Root", null, isAuthority: true);
        (X509Certificate2 between, ECDsa betweenKey) = Issue("CN=Between", root.CopyWithPrivateKey(rootKey), isAuthority: true);
        (X509Certificate2 own, ECDsa ownKey) = Issue("CN=localhost", between.CopyWithPrivateKey(betweenKey), isAuthority: false);
        await File.WriteAllTextAsync(sjd.PathOf("chain.pem"), $"{own.ExportCertificatePem()}\n{between.ExportCertificatePem()}\n");
        await File.WriteAllTextAsync(sjd.PathOf("key.pem"), ownKey.ExportPkcs8PrivateKeyPem());
        using Process process = sjd.Start(
            "serve", "--urls", "https://127.0.0.1:0", "--model", TestModel.Folder!, "--certificate", "chain.pem",
            "--certificate-key", "key.pem");
        string[] sent = [];
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, _, chain, _) =>
            {
                sent = [.. chain!.ChainPolicy.ExtraStore.Select(static each => each.Subject)];
                return true;
            },
        };
        using var client = new HttpClient(handler) { BaseAddress = new Uri((await process.StandardOutput.ReadLineAsync())!) };

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/live")).StatusCode);

        Assert.Contains("CN=Between", sent);
        Sjd.Signal(process, Terminate);
        Assert.Equal(ExitCode.Done, (await Sjd.FinishAsync(process)).ExitCode);

        (X509Certificate2 Certificate, ECDsa Key) Issue(string name, X509Certificate2? issuer, bool isAuthority)
        {
            var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
            return issuer is null
                ? (X509CertificateLoader.LoadCertificate(request.CreateSelfSigned(now.AddDays(-1), now.AddDays(2)).RawData), key)
                : (request.Create(issuer, now.AddHours(-1), now.AddDays(1), RandomNumberGenerator.GetBytes(8)), key);
        }
    }
}
