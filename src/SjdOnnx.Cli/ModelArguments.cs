using System.CommandLine;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli;

/// <summary>The options about which model runs and where.</summary>
internal sealed class ModelArguments
{
    private readonly Option<string?> _model = Text("--model", "", "DIR",
        $"Model folder; a name stands for onnx-models/NAME [default: {ModelLocation.DefaultName}]");

    private readonly Option<string?> _provider = OneOf("--provider", "Where ONNX Runtime computes", TextToImage.Providers, "cpu");

    private readonly Option<int?> _threads = Number<int>("--threads", "N", "Threads to compute with, 0 is one per physical core",
        "a whole number from 0 to 1024", "0", n => n is >= 0 and <= 1024);

    private readonly Option<bool> _verify = Flag("--verify",
        "Compare all files of the model with the hashes in model.json, also those that have not changed since they were compared");

    public Option Model => _model;

    public IEnumerable<Option> Runtime => [_provider, _threads, _verify];

    /// <summary>A path or a name, for <see cref="ModelLocation"/>.</summary>
    public string? ModelOf(ParseResult parsed) => parsed.GetValue(_model);

    public TextToImageOptions LoadingOf(ParseResult parsed) => new()
    {
        Provider = parsed.GetValue(_provider) ?? "cpu",
        Threads = parsed.GetValue(_threads) ?? 0,
        HashVerification = parsed.GetValue(_verify) ? HashVerification.Always : HashVerification.Once,
    };
}
