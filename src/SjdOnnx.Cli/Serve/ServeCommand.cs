using System.CommandLine;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Serve;

/// <summary><c>sjd serve</c>: its options and how they become <see cref="ServeOptions"/>.</summary>
internal sealed class ServeCommand : SjdCommand
{
    private const string DefaultUrl = "http://127.0.0.1:8080";

    private readonly Option<string?> _urls = Text("--urls", "URL",
        $"Where to listen; several with ; between (default: {DefaultUrl}). Addresses that other machines can reach need API keys");

    private readonly Option<string?> _keys = Text("--api-keys", "FILE",
        $"A file with an API key on each line, one of which every request must carry. {ApiKeyFile.Variable} in the environment may hold " +
        "keys too");

    private readonly Option<string?> _certificate = Text("--certificate", "FILE",
        "The certificate of https addresses, as a PEM file with its private key, or see --certificate-key. Certificates of " +
        "authorities in between may follow it");

    private readonly Option<string?> _certificateKey = Text("--certificate-key", "FILE", "The certificate's private key, as a PEM file");

    private readonly Option<string[]> _hosts = Repeated("--allow-host", "NAME",
        "Answer to this name in the Host header without API keys, besides localhost and IP addresses; repeat it for several");

    private readonly Option<string[]> _origins = Repeated("--cors", "ORIGIN",
        "Let pages of this origin, such as https://app.example, use the server from a browser; repeat it for several");

    private readonly Option<int?> _maxPending = Number<int>("--max-pending", "N",
        "Images of a model that wait or are drawn at once; one more is answered with status 429",
        "a whole number from 1 to 100000", "64", static n => n is >= 1 and <= 100_000);

    private readonly Option<int?> _maxCount = Number<int>("--max-count", "N", "Images that one request may ask for",
        "a whole number from 1 to 1000", "10", static n => n is >= 1 and <= 1000);

    private readonly Option<double?> _timeLimit = Number<double>("--time-limit", "S",
        "Seconds that a request may take, waiting included; after that it is answered with status 504",
        "a number above 0, at most 86400", "600", static s => s is > 0 and <= 86400);

    private readonly Option<double?> _grace = Number<double>("--grace", "S",
        "Seconds that requests under way may go on when the server is stopped; those that are left are answered with status 503",
        "a number from 0 to 86400", "30", static s => s is >= 0 and <= 86400);

    private readonly Option<double?> _memory = Number<double>("--memory", "GB",
        "Gigabytes of models that are loaded at once, by an estimate; the one that was unused for longest makes room for another",
        "a number above 0", "three quarters of the memory", static g => g is > 0 and <= 1e6);

    private readonly Option<bool> _anyModel = Flag("--any-model",
        "Draw requests for unknown models with the first model: for programs that always ask for gpt-image-1");

    private readonly Option<bool> _anySize = Flag("--any-size",
        "Draw the nearest size when a model lacks the one that was asked for, in place of status 400");

    private readonly Option<bool> _noPage = Flag("--no-page", "Serve the APIs without the web page");

    private readonly Option<string?> _log = OneOf("--log", "How the log on standard error is written", ["text", "json"], "text");

    private readonly Option<string?> _otlp = Text("--otlp", "URL",
        "Send traces, metrics and logs to this OpenTelemetry collector, such as http://localhost:4317 (default: what the environment's " +
        "OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere)");

    private readonly Option<string[]> _models = Repeated("--model", "NAME[=DIR]",
        "A model's name, folder, or name and folder; repeat it for several. The first is loaded at start, and others when they are " +
        $"asked for (default: {ModelLocation.DefaultName}, the built-in model)");

    private readonly Option<int?> _batch = Number<int>("--batch", "N", "Images of a model that share each forward pass",
        "a whole number from 1 to 64", "as many as the model can", static n => n is >= 1 and <= 64);

    private readonly Option<Precision?> _precision = Precision("--precision");

    private readonly ModelArguments _model = new();

    public ServeCommand()
        : base("serve", "Serves models over HTTP: OpenAI's images API, the API of Stable Diffusion web UI, and a web page.")
    {
        Add("Access", _urls, _keys, _certificate, _certificateKey, _hosts, _origins);
        Add("Limits", _maxPending, _maxCount, _timeLimit, _grace, _memory);
        Add("Answers", _anyModel, _anySize, _noPage);
        Add("Observation", _log, _otlp);
        Add("Models", [_models, _precision, _batch, .. _model.Runtime]);
        SetAction((parsed, cancellation) => ServeRun.RunAsync(Read(parsed), cancellation));
    }

    public override string Notes => """
        Results:
          The addresses go to standard output, one a line, when the server listens. The log goes to standard error. It
          holds no prompts. The server writes no files: it uses the cache folder only if SJDONNX_CACHE names one.

          POST /v1/images/generations and GET /v1/models speak OpenAI's language, /sdapi/v1/txt2img that of Stable
          Diffusion web UI (AUTOMATIC1111). GET /health/live and /health/ready are for supervisors.

          Ctrl+C or SIGTERM ends the server with exit code 0 when the requests under way are answered (see --grace). A
          second one ends it at once.

        Examples:
          sjd serve
          sjd serve --model emoji --model anole=models/anole-int8 --urls http://127.0.0.1:9000
          openssl rand -hex 32 > keys.txt && sjd serve --urls http://0.0.0.0:8080 --api-keys keys.txt
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; serve takes options only.";

    private ServeOptions Read(ParseResult parsed)
    {
        ServeAddress[] addresses = [.. (parsed.GetValue(_urls) ?? DefaultUrl)
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ServeAddress.Parse)];
        IReadOnlyList<string> keys =
            ApiKeyFile.Read(parsed.GetValue(_keys), Environment.GetEnvironmentVariable(ApiKeyFile.Variable));
        if (ComplaintAbout(parsed, addresses, keys) is string complaint)
            throw new CommandException(ExitCode.Usage, complaint);

        string[] models = parsed.GetValue(_models) is { Length: > 0 } given ? given : [ModelLocation.DefaultName];
        ServedModel[] served = [.. models.Select(ModelOf)];
        if (served.GroupBy(static model => model.Name).FirstOrDefault(static group => group.Count() > 1) is { } twice)
        {
            throw new CommandException(ExitCode.Usage,
                $"--model gives the name '{twice.Key}' twice; give one model another name, as in other=DIR.");
        }

        return new ServeOptions
        {
            Addresses = addresses,
            Models = served,
            Loading = _model.LoadingOf(parsed) with
            {
                Precision = parsed.GetValue(_precision),
                MaxBatch = parsed.GetValue(_batch),
                // The server writes no files unless the user names a folder for them.
                CacheFolder = Environment.GetEnvironmentVariable("SJDONNX_CACHE") is null ? "" : null,
            },
            Certificate = parsed.GetValue(_certificate),
            CertificateKey = parsed.GetValue(_certificateKey),
            JsonLog = parsed.GetValue(_log) == "json",
            Otlp = parsed.GetValue(_otlp) is string otlp ? OtlpOf(otlp) : null,
            Configure = server =>
            {
                foreach (string key in keys)
                    server.ApiKeys.Add(key);
                foreach (string host in parsed.GetValue(_hosts) ?? [])
                    server.AllowedHosts.Add(host);
                foreach (string origin in parsed.GetValue(_origins) ?? [])
                    server.CorsOrigins.Add(origin);
                server.AcceptUnknownModels = parsed.GetValue(_anyModel);
                server.AcceptUnknownSizes = parsed.GetValue(_anySize);
                server.ServePage = !parsed.GetValue(_noPage);
                server.MaxPendingImages = parsed.GetValue(_maxPending) ?? server.MaxPendingImages;
                server.MaxImagesPerRequest = parsed.GetValue(_maxCount) ?? server.MaxImagesPerRequest;
                server.TimeLimit = SecondsOf(parsed, _timeLimit) ?? server.TimeLimit;
                server.ShutdownGrace = SecondsOf(parsed, _grace) ?? server.ShutdownGrace;
                server.MaxMemoryBytes = parsed.GetValue(_memory) is double gigabytes ? (long)(gigabytes * 1e9) : null;
            },
        };
    }

    private string? ComplaintAbout(ParseResult parsed, ServeAddress[] addresses, IReadOnlyList<string> keys) => addresses switch
    {
        [] => $"--urls is '{parsed.GetValue(_urls)}'; it must be an address such as {DefaultUrl}.",
        _ when keys.Count == 0 && addresses.FirstOrDefault(static address => !address.IsLoopback) is { } open =>
            $"--urls has {open.Url}, which other machines can reach; give --api-keys a file of keys, or set {ApiKeyFile.Variable}.",
        _ when addresses.Any(static address => address.IsEncrypted) && parsed.GetValue(_certificate) is null =>
            "--urls has an https address; give --certificate the PEM file of its certificate.",
        _ when parsed.GetValue(_certificateKey) is not null && parsed.GetValue(_certificate) is null =>
            "--certificate-key is given without --certificate; give both.",
        _ when parsed.GetValue(_certificate) is not null && !addresses.Any(static address => address.IsEncrypted) =>
            "--certificate is given, and --urls has no https address; give one, such as https://127.0.0.1:8443.",
        _ => null,
    };

    private static ServedModel ModelOf(string text)
    {
        int separator = text.IndexOf('=', StringComparison.Ordinal);
        string folder = ModelLocation.Find(separator < 0 ? text : text[(separator + 1)..]);
        return new ServedModel(separator < 0 ? new DirectoryInfo(folder).Name : text[..separator], folder);
    }

    private static Uri OtlpOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" ? uri
            : throw new CommandException(ExitCode.Usage,
                $"--otlp is '{text}'; it must be the address of a collector, such as http://localhost:4317.");

    private static TimeSpan? SecondsOf(ParseResult parsed, Option<double?> option) =>
        parsed.GetValue(option) is double seconds ? TimeSpan.FromSeconds(seconds) : null;

    private static Option<string[]> Repeated(string name, string valueName, string description) => new(name)
    {
        HelpName = valueName,
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result =>
        {
            string[] values = [.. result.Tokens.Select(static token => token.Value)];
            if (values.Any(static value => value.Length == 0))
                result.AddError($"{name} is empty; it must be {valueName}.");
            return values;
        },
    };
}
