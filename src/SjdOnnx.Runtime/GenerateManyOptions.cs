namespace SjdOnnx.Runtime;

/// <summary>How many pictures are drawn.</summary>
public sealed record GenerateManyOptions
{
    /// <summary>
    /// The most pictures at once; null takes the largest of <see cref="ModelDescription.Batches"/>, beyond which there is no graph. Each
    /// needs memory for its own cache.
    /// </summary>
    public int? Batch
    {
        get;
        init => field = value is null or >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Batch), value, "Batch must be 1 or more pictures.");
    }
}

/// <summary>A picture of <see cref="TextToImage.GenerateManyAsync"/>.</summary>
/// <param name="Index">The number of its request, from 0.</param>
public sealed record IndexedImage(int Index, GeneratedImage Image);

/// <summary>After each forward pass of <see cref="TextToImage.GenerateManyAsync"/>.</summary>
/// <param name="Finished">Pictures that are finished.</param>
/// <param name="UnderWay">Pictures that were begun and are not finished.</param>
/// <param name="Tokens">Image tokens settled so far in all of these.</param>
/// <param name="TokensPerPicture">Image tokens of each picture that is drawn at present.</param>
/// <param name="ForwardPasses">Passes so far, those that read prompts included: a pass serves all pictures under way.</param>
/// <param name="Elapsed">Since the call's turn came.</param>
public sealed record BatchProgress(int Finished, int UnderWay, int Tokens, int TokensPerPicture, int ForwardPasses, TimeSpan Elapsed);
