using System.CommandLine;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Terminal;

/// <summary>The options about which model runs and where.</summary>
/// <param name="defaultProvider">What the command does without --provider, in words.</param>
internal sealed class ModelArguments(string defaultProvider = "cpu")
{
    /// <summary>Images in a pass, where many are drawn and the user says nothing.</summary>
    public const int UsualBatch = 8;

    private readonly Option<string?> _model = Text("--model", "DIR", ModelLocation.Description);

    private readonly Option<string?> _provider =
        OneOf("--provider", "Where ONNX Runtime runs the model", ExecutionProviders.Names, defaultProvider);

    private readonly Option<Dictionary<string, string>?> _providerOptions = Pairs("--provider-option", "KEY=VALUE",
        "An option of the provider, such as device_id=1 or gpu_mem_limit=8589934592, or of ONNX Runtime's sessions if there is a period " +
        "in its name; repeat it for several");

    private readonly Option<int?> _threads = Number<int>("--threads", "N", "Threads of a forward pass; 0 is one for each physical core",
        "a whole number, 0 or more", "0", static n => n >= 0);

    private readonly Option<bool> _verify = Flag("--verify",
        "Compare all files of the model with their hashes in model.json. Otherwise only files that are new or have changed are compared");

    public Option Model => _model;

    /// <summary>Where the model runs.</summary>
    public Option[] Placement => [_provider, _providerOptions];

    public IEnumerable<Option> Runtime => [.. Placement, _threads, _verify];

    /// <summary>A path or a name, for <see cref="ModelLocation"/>.</summary>
    public string? ModelOf(ParseResult parsed) => parsed.GetValue(_model);

    /// <summary>The provider; null if none was named.</summary>
    public ExecutionProvider? ProviderOf(ParseResult parsed) =>
        parsed.GetValue(_provider) is string provider ? ExecutionProviders.Parse(provider) : null;

    /// <summary>The options of the provider and of sessions.</summary>
    public IReadOnlyDictionary<string, string> ProviderOptionsOf(ParseResult parsed) => parsed.GetValue(_providerOptions) ?? [];

    /// <summary>How the model is loaded. Prints a note if the machine does not have so many processors.</summary>
    public TextToImageOptions LoadingOf(ParseResult parsed)
    {
        (int threads, int processors) = (parsed.GetValue(_threads) ?? 0, Environment.ProcessorCount);
        if (threads > processors)
        {
            Print.Note(FormattableString.Invariant(
                $"--threads is {threads}; this machine has {processors} logical processors, so {processors} threads are used."));
        }

        return new TextToImageOptions
        {
            Provider = ProviderOf(parsed) ?? ExecutionProvider.Cpu,
            ProviderOptions = ProviderOptionsOf(parsed),
            Threads = threads,
            HashVerification = parsed.GetValue(_verify) ? HashVerification.Always : HashVerification.Once,
        };
    }

    /// <summary>Loads a model and shows how far that is.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="loading">How it is loaded.</param>
    /// <param name="display">Where progress is shown.</param>
    /// <param name="cancellation">
    /// Ends the comparison of hashes at once. ONNX Runtime finishes opening a graph first, because a process that exits under its threads
    /// can crash.
    /// </param>
    public static Task<TextToImage> LoadAsync(
        string folder, TextToImageOptions loading, IProgressDisplay display, CancellationToken cancellation) =>
        display.WorkAsync($"loading {new DirectoryInfo(folder).Name}", progress => TextToImage.LoadAsync(
            folder, loading, new DirectProgress<LoadProgress>(step => progress.Report(WorkProgress.Of(step))), cancellation));

    /// <summary>
    /// Images in a pass, where many are drawn: as many as the user wants, or else <see cref="UsualBatch"/> or what the model can.
    /// </summary>
    public static int BatchOf(int? wanted, ModelDescription model) => Math.Min(wanted ?? UsualBatch, model.Batches[^1]);

    /// <summary>Refuses more images in a pass than a model has graphs for.</summary>
    /// <param name="option">The option that asked, such as --batch.</param>
    /// <param name="images">Images in a pass.</param>
    /// <param name="model">The model at the precision that runs.</param>
    /// <exception cref="CommandException">There are too many.</exception>
    public static void CheckBatch(string option, int images, ModelDescription model)
    {
        if (images > model.Batches[^1])
        {
            throw new CommandException(ExitCode.Request,
                $"{option} has {images}; {model.Name} draws at most {model.Batches[^1]} images in a pass at {model.Precision}.");
        }
    }
}
