using System.Numerics.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>
/// The normalized embeddings of an image's open positions, each on its way from noise to a code. They are the same in all lanes. The graph
/// computes the steps, because it holds the codes' own embeddings; this class keeps the results from pass to pass.
/// </summary>
/// <param name="steps">From noise to a code, 1 or more.</param>
/// <param name="max">The most positions read in a pass.</param>
internal sealed class NoisyEmbeddings(NoiseSchedule schedule, int steps, int max)
{
    private readonly float[] _embeddings = new float[max * schedule.Channels]; // position p is row p % max
    private readonly int[] _stepsLeft = new int[max]; // of the embedding in the row
    private readonly float[] _denoising = new float[max * GraphContract.DenoisingFields]; // by index in the pass
    private readonly int[] _timesteps = new int[max]; // by index of a timestep token: which of the tokens sees it
    private readonly float[]?[] _encodings = new float[steps + 1][]; // of timestep tokens, by the steps that are left
    private int _first;
    private int _count;
    private int _timestepCount;

    /// <summary>Whether the next pass reads any noise.</summary>
    public bool IsRead => _count > 0;

    /// <summary>
    /// For each timestep token of the next pass the index of the noisy token that sees it, rising; empty if the model has none. They come
    /// before the first noisy token.
    /// </summary>
    public ReadOnlySpan<int> Timesteps => _timesteps.AsSpan(0, _timestepCount);

    /// <summary>The next pass reads codes alone.</summary>
    public void ReadNone() => (_count, _timestepCount) = (0, 0);

    /// <summary>The next pass reads these positions with the given steps left; 0 is a code.</summary>
    /// <param name="first">The first of consecutive positions.</param>
    public void Read(int first, ReadOnlySpan<int> stepsLeft, Randomness randomness)
    {
        (_first, _count, _timestepCount) = (first, stepsLeft.Length, 0);
        for (int i = 0; i < stepsLeft.Length; i++)
        {
            int row = (first + i) % max;
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

            if (stepsLeft[i] > 0 && schedule.HasTimesteps)
                _timesteps[_timestepCount++] = i;
            _stepsLeft[row] = stepsLeft[i];
            ReadOnlySpan<float> fields = [keep, add, level];
            fields.CopyTo(_denoising.AsSpan(i * GraphContract.DenoisingFields));
        }
    }

    /// <summary>Writes the graph's inputs.</summary>
    /// <param name="embeddings">[tokens × channels] or longer.</param>
    /// <param name="denoising">[tokens × <see cref="GraphContract.DenoisingFields"/>] or longer.</param>
    public void CopyTo(Span<float> embeddings, Span<float> denoising)
    {
        for (int i = 0; i < _count; i++)
        {
            int token = TokenTree.IndexOf(i, Timesteps);
            Row(_first + i).CopyTo(embeddings[(token * schedule.Channels)..]);
            _denoising.AsSpan(i * GraphContract.DenoisingFields, GraphContract.DenoisingFields)
                .CopyTo(denoising[(token * GraphContract.DenoisingFields)..]);
        }

        for (int i = 0; i < _timestepCount; i++)
        {
            int token = _timesteps[0] + i;
            int left = _stepsLeft[(_first + _timesteps[i]) % max];
            (_encodings[left] ??= schedule.Timestep((float)left / steps)).CopyTo(embeddings[(token * schedule.Channels)..]);
            ReadOnlySpan<float> fields = [1, 0, (float)left / steps]; // all of it is kept
            fields.CopyTo(denoising[(token * GraphContract.DenoisingFields)..]);
        }
    }

    /// <summary>Keeps the embeddings that a pass returned.</summary>
    /// <param name="denoised">[tokens × channels] or longer.</param>
    /// <exception cref="NotFiniteNumberException">They are not finite numbers.</exception>
    public void Receive(ReadOnlySpan<float> denoised)
    {
        for (int i = 0; i < _count; i++)
        {
            ReadOnlySpan<float> embedding = denoised.Slice(TokenTree.IndexOf(i, Timesteps) * schedule.Channels, schedule.Channels);
            if (!TensorPrimitives.IsFiniteAll(embedding))
            {
                throw new NotFiniteNumberException(
                    $"The model's noisy embedding of position {_first + i} is not finite; its weights are damaged or badly fine-tuned.");
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

    private Span<float> Row(int position) => _embeddings.AsSpan(position % max * schedule.Channels, schedule.Channels);
}
