using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Gpu;

/// <summary>Reads the tokens of an image whose codes look random, behind a prompt that has been read.</summary>
internal sealed class ImageReader
{
    private const int MaxTokens = 65;

    private readonly OpenedModel _model;
    private readonly PromptedTransformer _prompted;
    private int _read;

    /// <param name="inPairs">Whether the engine pads a lone token to two.</param>
    public ImageReader(OpenedModel model, bool inPairs = false)
    {
        _model = model;
        _prompted = new PromptedTransformer(
            model.Transformer, model.Encode(model.Resolve(new GenerationOptions())), model.Layout, MaxTokens - 1, inPairs: inPairs);
        _prompted.FeedPrompt();
        Prompt = Run()[0];
    }

    /// <summary>The logits of both lanes after the prompt.</summary>
    public float[] Prompt { get; }

    /// <summary>Forgets the tokens from this position on.</summary>
    public void Truncate(int length) => _prompted.Truncate(_read = length);

    /// <summary>Reads the image's tokens that follow.</summary>
    /// <param name="count">The tokens.</param>
    /// <param name="padded">Tokens of the pass: copies of the last token are appended, and forgotten afterwards; 0 for none.</param>
    /// <param name="shift">Which of the images of different codes.</param>
    /// <returns>For each token the logits of both lanes.</returns>
    public IReadOnlyList<float[]> Read(int count, int padded = 0, int shift = 0)
    {
        Feed(count, padded, shift);
        float[][] rows = Run()[..count];
        Truncate(_read + count);
        return rows;
    }

    /// <summary>Prepares a pass as <see cref="Read"/> does. The caller runs it and truncates.</summary>
    public void Feed(int count, int padded = 0, int shift = 0)
    {
        var ids = new int[Math.Max(count, padded)];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = Id(_read + Math.Min(i, count - 1), shift);
        _prompted.Feed(ids, rows: ids.Length, parents: []);
    }

    private int Id(int position, int shift)
    {
        TokenLayout layout = _model.Layout;
        return layout.Id(position, (int)((uint)((position + (shift * layout.Length)) * 2654435761) % (uint)layout.Codes));
    }

    private float[][] Run()
    {
        _model.Transformer.Run(CancellationToken.None);
        Logits logits = _prompted.Logits;
        var rows = new float[logits.Rows][];
        for (var row = 0; row < rows.Length; row++)
            rows[row] = [.. logits.Conditional(row), .. logits.Unconditional(row)];
        return rows;
    }
}
