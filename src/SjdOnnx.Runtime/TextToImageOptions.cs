namespace SjdOnnx.Runtime;

/// <summary>How a model is loaded.</summary>
public sealed record TextToImageOptions
{
    /// <summary>
    /// Where the graphs run: one of <see cref="TextToImage.Providers"/>. Not available means an error, never another provider.
    /// </summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>Threads of a forward pass; 0 takes the physical cores.</summary>
    public int Threads
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Threads), value, "Threads must be 0 or more; 0 takes the physical cores.");
    }

    /// <summary>One of the model's precisions; null takes the model's default.</summary>
    public string? Precision { get; init; }

    /// <summary>
    /// The folder that keeps what passes cost on this machine and which files were verified; "" for none. Null takes what the environment
    /// variable SJDONNX_CACHE says, a folder or "off", or else the user's: $XDG_CACHE_HOME/sjdonnx, ~/.cache/sjdonnx,
    /// ~/Library/Caches/sjdonnx or %LOCALAPPDATA%\sjdonnx. One that cannot be written is no error: both are then found out again in each
    /// process.
    /// </summary>
    public string? CacheFolder { get; init; }

    /// <summary>When the model's files are compared with the hashes in model.json.</summary>
    public HashVerification HashVerification { get; init; } = HashVerification.Once;

    /// <summary>
    /// Pictures that are expected to be drawn at once: the graph for so many is opened at load, others when they are first needed. It
    /// bounds nothing.
    /// </summary>
    public int Batch
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Batch), value, "Batch must be 1 or more pictures.");
    } = 1;
}
