namespace SjdOnnx.Runtime;

/// <summary>How a model of images is loaded.</summary>
public sealed record TextToImageOptions : ModelLoadOptions
{
    /// <summary>One of the model's precisions; null takes the model's default.</summary>
    public Precision? Precision { get; init; }

    /// <summary>
    /// The most images in one forward pass, 1 or more; null takes the largest of <see cref="ModelDescription.Batches"/>. Requests that
    /// arrive while others are drawn join them up to this number. Each image that is drawn needs memory for its own cache.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? MaxBatch
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxBatch), value, "MaxBatch must be 1 or more images.");
    }

    /// <summary>The most requests that wait for their turn. One more ends with a <see cref="QueueFullException"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int MaxQueueLength
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxQueueLength), value, "MaxQueueLength must be 1 or more requests.");
    } = 1024;

    /// <summary>
    /// Images that are expected to be drawn at once: loading opens the graph for so many, and other graphs are opened when they are first
    /// needed. It limits nothing.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int ExpectedBatch
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(ExpectedBatch), value, "ExpectedBatch must be 1 or more images.");
    } = 1;
}

/// <summary>Progress of <see cref="TextToImage.LoadAsync"/>.</summary>
/// <param name="BytesVerified">Bytes whose hash has been compared with model.json.</param>
/// <param name="BytesToVerify">Bytes to compare; 0 if nothing has changed since the last time.</param>
/// <param name="GraphsOpened">Graphs that are open.</param>
/// <param name="GraphsToOpen">Graphs to open.</param>
public sealed record LoadProgress(long BytesVerified, long BytesToVerify, int GraphsOpened, int GraphsToOpen);
