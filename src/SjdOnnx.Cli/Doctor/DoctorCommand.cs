using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using static System.FormattableString;

namespace SjdOnnx.Cli.Doctor;

/// <summary><c>sjd doctor</c>: tries every execution provider, says what each lacks, and compares a model with the free memory.</summary>
internal sealed class DoctorCommand : SjdCommand
{
    private readonly ModelArguments _model = new(defaultProvider: "all of them");

    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print one JSON object; memory is in bytes");

    public DoctorCommand()
        : base("doctor", "Says which execution providers run on this machine, and what the others lack.")
    {
        Add("Machine", _model.Placement);
        Add("Model", _model.Model);
        Add("Output", _json);
        SetAction(parsed => Run(parsed));
    }

    public override string Notes => """
        Results:
          Versions, memory and GPUs; for each provider whether a graph of one node ran on it; and whether the weights of
          each of the model's precisions, and the keys and values of one image, fit into the free memory. ONNX Runtime
          needs some more than that. With --provider, the exit code is 0 only if that provider runs, and 6 if not.
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; doctor takes only options.";

    private int Run(ParseResult parsed)
    {
        ExecutionProvider? asked = _model.ProviderOf(parsed);
        IReadOnlyDictionary<string, string> options = _model.ProviderOptionsOf(parsed);
        if (asked is null && options.Count > 0)
            throw new CommandException(ExitCode.Usage, "--provider-option belongs to one provider; name it with --provider.");
        ExecutionProvider[] providers = asked is { } one ? [one] : Enum.GetValues<ExecutionProvider>();
        ProviderReport[] tried = [.. providers.Select(provider => ProviderReport.Of(provider, options))];
        var report = DoctorReport.Of(tried, options.GetValueOrDefault("device_id", "0"), ModelLocation.Find(_model.ModelOf(parsed)));
        if (parsed.GetValue(_json))
            Print.Data(JsonSerializer.Serialize(report, DoctorReportJson.Default.DoctorReport));
        else
            Write(report);
        return asked is null || tried[0].Runs ? ExitCode.Done : ExitCode.Provider;
    }

    private static void Write(DoctorReport report)
    {
        Print.Data(Printable.Text(
            $"SjdOnnx {report.Version}, ONNX Runtime {report.OnnxRuntime}, {report.DotNet}, {report.OperatingSystem}"));
        Print.Data(Printable.Text(Invariant($"{report.Processor}, {report.Processors} processors, ") +
            $"{Gibibytes(report.FreeMemory)} of {Gibibytes(report.TotalMemory)} free"));
        foreach (GpuDevice gpu in report.Gpus)
        {
            Print.Data(Printable.Text(Invariant($"GPU {gpu.Index}: {gpu.Name}, driver {gpu.Driver} for CUDA up to {gpu.Cuda}, ") +
                $"{Gibibytes(gpu.FreeMemory)} of {Gibibytes(gpu.TotalMemory)} free"));
        }

        if (report.Gpus.Count == 0)
            Print.Data("No NVIDIA GPU, or no driver for it");
        foreach (ProviderState provider in report.Providers)
        {
            Print.Data("");
            Print.Data(Printable.Text($"{provider.Provider} {(provider.Runs ? "runs." : $"does not run. {provider.Problem}")}"));
            foreach (ProviderLibrary library in provider.Libraries.Where(static library => !library.IsFound))
                Print.Data(Printable.Text($"  missing: {library.File}, from {library.Source}"));
        }

        Print.Data("");
        Print.Data(Printable.Text($"{report.Model}: the free memory is that of {report.MemoryOf}."));
        var table = new TextTable(
            new("precision"), new("weights, MiB", IsNumber: true), new("an image's keys and values, MiB", IsNumber: true), new("fits"));
        foreach (PrecisionState precision in report.Precisions)
        {
            table.Add(
                precision.Precision, Invariant($"{precision.Weights / 1048576.0:F0}"), Invariant($"{precision.Cache / 1048576.0:F0}"),
                precision.Fits ? "yes" : "no");
        }

        Print.Data(table.ToText(Print.Width));
    }

    private static string Gibibytes(long bytes) => Invariant($"{bytes / 1073741824.0:F1} GiB");
}

/// <summary>What doctor --json prints.</summary>
/// <param name="TotalMemory">Bytes that this process may use.</param>
/// <param name="MemoryOf">Whose free memory the precisions are compared with: "the machine", or "GPU 0".</param>
internal sealed record DoctorReport(
    string Version, string OnnxRuntime, string DotNet, string OperatingSystem, string Processor, int Processors, long TotalMemory,
    long FreeMemory, IReadOnlyList<GpuDevice> Gpus, IReadOnlyList<ProviderState> Providers, string Model, string MemoryOf,
    IReadOnlyList<PrecisionState> Precisions)
{
    /// <param name="tried">The providers. If only providers on GPUs are among them, a GPU's memory counts.</param>
    /// <param name="device">The GPU's device_id.</param>
    /// <param name="folder">The model's.</param>
    public static DoctorReport Of(IReadOnlyList<ProviderReport> tried, string device, string folder)
    {
        GC.Collect(0); // before the first collection, .NET does not know how much memory is in use
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        long total = memory.TotalAvailableMemoryBytes;
        long free = Math.Max(0, total - memory.MemoryLoadBytes);
        IReadOnlyList<GpuDevice> gpus = GpuDevice.All();
        GpuDevice? gpu = tried.All(static one => one.Provider is ExecutionProvider.Cuda or ExecutionProvider.TensorRt)
            ? gpus.FirstOrDefault(one => Invariant($"{one.Index}") == device) : null;
        long room = gpu?.FreeMemory ?? free;
        ModelDescription model = ModelDescription.Read(folder);
        return new DoctorReport(
            TextToImage.Version, TextToImage.OnnxRuntimeVersion, RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription,
            Runtime.Processor.Name, Environment.ProcessorCount, total, free, gpus, [.. tried.Select(ProviderState.Of)], model.Name,
            gpu is null ? "the machine" : Invariant($"GPU {gpu.Index}"),
            [.. model.Precisions.Select(precision => PrecisionState.Of(ModelDescription.Read(folder, precision), room))]);
    }
}

/// <param name="Problem">Null if the provider runs.</param>
internal sealed record ProviderState(string Provider, bool Runs, string? Problem, IReadOnlyList<ProviderLibrary> Libraries)
{
    public static ProviderState Of(ProviderReport report) => new(report.Provider.Name(), report.Runs, report.Problem, report.Libraries);
}

/// <param name="Weights">Bytes of the files that are loaded.</param>
/// <param name="Cache">Bytes of an image's keys and values, at most.</param>
/// <param name="Fits">Whether both are less than the free memory.</param>
internal sealed record PrecisionState(string Precision, long Weights, long Cache, bool Fits)
{
    public static PrecisionState Of(ModelDescription model, long free) =>
        new(model.Precision.Name, model.LoadedBytes, model.CacheBytes, model.LoadedBytes + model.CacheBytes < free);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class DoctorReportJson : JsonSerializerContext;
