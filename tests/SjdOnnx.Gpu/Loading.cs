using SjdOnnx.Runtime;

namespace SjdOnnx.Gpu;

/// <summary>Which model to load, and how.</summary>
internal sealed record Loading(
    string Folder, Precision Precision, ExecutionProvider Provider, Dictionary<string, string> ProviderOptions, int Threads)
{
    /// <summary>The options. Nothing is kept between processes, so that every process measures the same.</summary>
    public TextToImageOptions Options => new()
    {
        Provider = Provider,
        ProviderOptions = ProviderOptions,
        Precision = Precision,
        Threads = Threads,
        CacheFolder = "",
        HashVerification = HashVerification.None,
    };

    /// <summary>The same model on the CPU.</summary>
    public Loading OnCpu(string precision) =>
        this with { Provider = ExecutionProvider.Cpu, ProviderOptions = [], Precision = Precision.Parse(precision) };
}
