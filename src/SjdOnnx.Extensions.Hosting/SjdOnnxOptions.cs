using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Hosting;

/// <summary>The model that a host serves, as configuration has it. Checked when the host starts.</summary>
public sealed class SjdOnnxOptions
{
    /// <summary>The folder that holds model.json.</summary>
    public string Model { get; set; } = "";

    /// <summary><c>cpu</c>, <c>cuda</c>, <c>tensorrt</c> or <c>dml</c>.</summary>
    public string Provider { get; set; } = "cpu";

    /// <summary><inheritdoc cref="ModelLoadOptions.ProviderOptions"/></summary>
    public Dictionary<string, string> ProviderOptions { get; } = [];

    /// <summary>One of the model's precisions, such as <c>int8</c>; null takes the model's default.</summary>
    public string? Precision { get; set; }

    /// <summary><inheritdoc cref="ModelLoadOptions.Threads"/></summary>
    public int Threads { get; set; }

    /// <summary><inheritdoc cref="TextToImageOptions.MaxBatch"/></summary>
    public int? MaxBatch { get; set; }

    /// <summary><inheritdoc cref="TextToImageOptions.MaxQueueLength"/></summary>
    public int MaxQueueLength { get; set; } = 1024;

    /// <summary><inheritdoc cref="ModelLoadOptions.CacheFolder"/></summary>
    public string? CacheFolder { get; set; }

    /// <summary>When the model's files are compared with their hashes: <c>None</c>, <c>Once</c> or <c>Always</c>.</summary>
    public HashVerification HashVerification { get; set; } = HashVerification.Once;

    /// <summary>
    /// Changes the other options before the model is loaded: for what configuration cannot hold, such as session options.
    /// </summary>
    public Func<TextToImageOptions, TextToImageOptions>? Configure { get; set; }

    /// <summary>The options as the library takes them, <see cref="Configure"/> included.</summary>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    /// <exception cref="FormatException">The precision cannot be the name of one.</exception>
    public TextToImageOptions ToRuntime()
    {
        var options = new TextToImageOptions
        {
            Provider = ExecutionProviders.Parse(Provider),
            ProviderOptions = ProviderOptions,
            Precision = Precision is null ? null : Runtime.Precision.Parse(Precision),
            Threads = Threads,
            MaxBatch = MaxBatch,
            MaxQueueLength = MaxQueueLength,
            CacheFolder = CacheFolder,
            HashVerification = HashVerification,
        };
        return Configure?.Invoke(options) ?? options;
    }
}

/// <summary>Checks the options when the host starts: each failure is a sentence.</summary>
internal sealed class SjdOnnxOptionsValidator : IValidateOptions<SjdOnnxOptions>
{
    public ValidateOptionsResult Validate(string? name, SjdOnnxOptions options)
    {
        var failures = new List<string>();
        if (options.Model.Length == 0)
            failures.Add("Model is empty; it must be the folder that holds model.json.");
        try
        {
            TextToImageOptions runtime = options.ToRuntime();
            if (options.Model.Length > 0)
                ModelDescription.Read(options.Model, runtime.Precision);
        }
        catch (Exception error) when (error is ArgumentException or FormatException or SjdOnnxException)
        {
            failures.Add(error.Message);
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
