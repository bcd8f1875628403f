using System.Numerics.Tensors;
using SjdOnnx.FixedPoints;

namespace SjdOnnx.Thoughts;

/// <summary>
/// The thoughts after a question (PCCoT, arXiv 2506.18582). Each is what the model computes at the one before it; the first, which it
/// computes at the token that begins them, is known. An update computes all of them from all of them, in one pass.
/// </summary>
public sealed class LatentThoughts : ICausalSystem
{
    private readonly IThinkingModel _model;
    private readonly int _start; // tokens of the cache before the thoughts
    private readonly float[] _computed;

    private LatentThoughts(IThinkingModel model, int start, float[] first, int[] likeliest)
    {
        (_model, _start, Iterate, Likeliest) = (model, start, first, likeliest);
        (_computed, Distances) = (new float[first.Length], new double[likeliest.Length]);
    }

    /// <summary>The thoughts, [number of them × <see cref="IThinkingModel.Width"/>].</summary>
    public float[] Iterate { get; private set; }

    /// <summary>For each thought, the likeliest next token at the place that computed it: what it would be as a word.</summary>
    public int[] Likeliest { get; }

    /// <summary>
    /// For each thought, how far the last update moved it: the length of the difference over the length of the former thought.
    /// </summary>
    public double[] Distances { get; }

    /// <summary>
    /// Reads the question and, at the places of the thoughts, the token that stands for them. What the model computes there is the first
    /// guess.
    /// </summary>
    /// <param name="model">The model. Its cache is emptied first.</param>
    /// <param name="question">The question's tokens, 0 or more.</param>
    /// <param name="layout">The tokens around the thoughts.</param>
    /// <param name="cancellation">Checked during the pass.</param>
    /// <exception cref="NotFiniteNumberException">The model computed NaN or an infinity.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static LatentThoughts Begin(
        IThinkingModel model, ReadOnlySpan<int> question, ThoughtLayout layout, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(layout);
        int[] ids = [.. question, layout.Begin, .. Enumerable.Repeat(layout.Latent, layout.Latents)];
        var computed = new float[ids.Length * model.Width];
        var likeliest = new int[layout.Latents + 1];
        model.Truncate(0);
        model.ReadTokens(ids, computed, likeliest, cancellation);

        int start = question.Length + 1;
        float[] first = computed.AsSpan((start - 1) * model.Width, layout.Latents * model.Width).ToArray();
        if (!IsFinite(first))
            throw new NotFiniteNumberException("The model computed thoughts that are not finite numbers when it read the question.");
        return new LatentThoughts(model, start, first, likeliest[..^1]);
    }

    /// <inheritdoc/>
    /// <remarks>The cache then holds the question and what the pass read, which is the iterate before this update.</remarks>
    public Change Update(CancellationToken cancellation)
    {
        int width = _model.Width;
        var likeliest = new int[Likeliest.Length];
        _model.Truncate(_start);
        _model.ReadThoughts(Iterate, _computed, likeliest, cancellation);

        // What was computed at thought i is thought i + 1. What was computed at the last one is not used.
        float[] former = Iterate;
        Iterate = [.. former.AsSpan(..width), .. _computed.AsSpan(..^width)];
        likeliest.AsSpan(..^1).CopyTo(Likeliest.AsSpan(1..));

        for (int i = 0; i < Distances.Length; i++)
            Distances[i] = Distance(former.AsSpan(i * width, width), Iterate.AsSpan(i * width, width));
        return new Change(former.AsSpan().CommonPrefixLength(Iterate) / width, Distances.Max(), IsFinite(Iterate));
    }

    /// <summary>
    /// Computes the thoughts one after another, each in a pass of its own. They are those of as many updates as there are thoughts.
    /// </summary>
    /// <param name="cancellation">Checked during each pass.</param>
    /// <exception cref="NotFiniteNumberException">The model computed NaN or an infinity.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public void ComputeInOrder(CancellationToken cancellation)
    {
        int width = _model.Width;
        _model.Truncate(_start);
        for (int i = 0; i < Likeliest.Length; i++)
        {
            bool isLast = i == Likeliest.Length - 1;
            _model.ReadThoughts(
                Iterate.AsSpan(i * width, width), isLast ? _computed.AsSpan(..width) : Iterate.AsSpan((i + 1) * width, width),
                isLast ? [] : Likeliest.AsSpan(i + 1, 1), cancellation);
        }

        if (!IsFinite(Iterate))
            throw new NotFiniteNumberException("The model computed thoughts that are not finite numbers.");
    }

    private static double Distance(ReadOnlySpan<float> former, ReadOnlySpan<float> now)
    {
        float distance = TensorPrimitives.Distance(former, now), length = TensorPrimitives.Norm(former);
        return distance == 0 ? 0 : distance / length;
    }

    private static bool IsFinite(ReadOnlySpan<float> values) => float.IsFinite(TensorPrimitives.SumOfMagnitudes(values));
}
