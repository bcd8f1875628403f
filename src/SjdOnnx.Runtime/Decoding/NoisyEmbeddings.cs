using System.Numerics.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// What a picture's open positions are read as: normalised embeddings, each on its way from noise to a code. They are the same in all lanes.
/// The graph takes the steps, since it knows the codes' own embeddings; here they are remembered from pass to pass.
/// </summary>
/// <param name="steps">From noise to a code, 1 or more.</param>
/// <param name="most">The most positions read in a pass.</param>
internal sealed class NoisyEmbeddings(NoiseSchedule schedule, int steps, int most)
{
    private readonly float[] _embeddings = new float[most * schedule.Channels]; // position p is row p % most
    private readonly int[] _stepsLeft = new int[most]; // of the embedding in the row
    private readonly float[] _denoising = new float[most * GraphContract.DenoisingFields]; // by index in the pass
    private int _first;
    private int _count;

    /// <summary>Whether the next pass reads noise at all.</summary>
    public bool IsRead => _count > 0;

    /// <summary>Has the next pass read codes alone.</summary>
    public void ReadNone() => _count = 0;

    /// <summary>Has the next pass read these positions with so many steps left; 0 is a code.</summary>
    /// <param name="first">The first of the positions, which follow one another.</param>
    public void Read(int first, ReadOnlySpan<int> stepsLeft, Randomness randomness)
    {
        (_first, _count) = (first, stepsLeft.Length);
        for (int i = 0; i < stepsLeft.Length; i++)
        {
            int row = (first + i) % most;
            float level = (float)stepsLeft[i] / steps;
            (float keep, float add) = (0, 0);
            if (stepsLeft[i] == steps)
            {
                Begin(first + i, randomness);
                keep = 1;
            }
            else if (stepsLeft[i] > 0)
            {
                (keep, add) = schedule.Step((float)_stepsLeft[row] / steps, level);
            }

            _stepsLeft[row] = stepsLeft[i];
            ReadOnlySpan<float> told = [keep, add, level];
            told.CopyTo(_denoising.AsSpan(i * GraphContract.DenoisingFields));
        }
    }

    /// <summary>What the graph is told of them.</summary>
    /// <param name="embeddings">[positions × channels] or longer.</param>
    /// <param name="denoising">[positions × <see cref="GraphContract.DenoisingFields"/>] or longer.</param>
    public void CopyTo(Span<float> embeddings, Span<float> denoising)
    {
        for (int i = 0; i < _count; i++)
            Row(_first + i).CopyTo(embeddings[(i * schedule.Channels)..]);
        _denoising.AsSpan(0, _count * GraphContract.DenoisingFields).CopyTo(denoising);
    }

    /// <summary>Remembers what a pass made of them.</summary>
    /// <param name="denoised">[positions × channels] or longer.</param>
    /// <exception cref="InvalidOperationException">They are no numbers.</exception>
    public void Receive(ReadOnlySpan<float> denoised)
    {
        for (int i = 0; i < _count; i++)
        {
            ReadOnlySpan<float> embedding = denoised.Slice(i * schedule.Channels, schedule.Channels);
            if (!TensorPrimitives.IsFiniteAll(embedding))
            {
                throw new InvalidOperationException(
                    $"The model's noisy embedding of position {_first + i} is not made of numbers; its weights are damaged or were badly fine-tuned.");
            }

            embedding.CopyTo(Row(_first + i));
        }
    }

    private void Begin(int position, Randomness randomness)
    {
        Span<float> embedding = Row(position);
        randomness.At(pass: 0).Normal(embedding, position);
        TensorPrimitives.Multiply(embedding, schedule.At(1).Sigma, embedding);
    }

    private Span<float> Row(int position) => _embeddings.AsSpan(position % most * schedule.Channels, schedule.Channels);
}
