namespace SjdOnnx.Runtime;

/// <summary>How many images of one <see cref="TextToImage.GenerateManyAsync"/> are drawn at once.</summary>
public sealed record GenerateManyOptions
{
    /// <summary>The most images of this call in one pass, 1 or more; null takes <see cref="TextToImageOptions.MaxBatch"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? MaxBatch
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxBatch), value, "MaxBatch must be 1 or more images.");
    }
}

/// <summary>An image of <see cref="TextToImage.GenerateManyAsync"/>.</summary>
/// <param name="Index">The number of its request, from 0.</param>
/// <param name="Image">The image.</param>
public sealed record IndexedImage(int Index, GeneratedImage Image);

/// <summary>Progress of <see cref="TextToImage.GenerateManyAsync"/>, after each forward pass of one of its images.</summary>
/// <param name="Finished">Images that are finished.</param>
/// <param name="UnderWay">Images that were begun and are not finished.</param>
/// <param name="Tokens">Image tokens settled so far, over all of these.</param>
/// <param name="TokensPerImage">Image tokens of each image.</param>
/// <param name="ForwardPasses">Forward passes, summed over images, not counting prefills.</param>
/// <param name="Elapsed">Since the call began.</param>
public sealed record BatchProgress(int Finished, int UnderWay, int Tokens, int TokensPerImage, int ForwardPasses, TimeSpan Elapsed);
