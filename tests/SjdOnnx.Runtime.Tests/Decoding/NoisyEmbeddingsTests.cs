using SjdOnnx.Runtime.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests.Decoding;

public class NoisyEmbeddingsTests
{
    private const int Channels = 8;
    private const int Most = 5;
    private static readonly NoiseSchedule Schedule = new(new DenoisingSection
    {
        Steps = 2,
        Hidden = Channels,
        Normalisation = "channel",
        Levels = "added",
        Alpha = [1, 0.5f, 0],
        Sigma = [0, 0.6f, 2],
    });

    private readonly NoisyEmbeddings _embeddings = new(Schedule, steps: 2, Most);

    [Fact]
    public void What_is_new_is_noise_of_the_position_and_code_rows_are_told_as_such()
    {
        _embeddings.Read(first: 40, [0, 2, 2], new Randomness(7));
        (float[][] before, float[][] denoising) = Told(3);

        Assert.Equal([0, 0, 0], denoising[0]);
        Assert.Equal([1, 0, 1], denoising[1]);
        Assert.Equal(Noise(41), before[1]);
        Assert.Equal(Noise(42), before[2]);
    }

    [Fact]
    public void Each_pass_goes_on_from_what_the_one_before_made()
    {
        _embeddings.Read(first: 40, [0, 2, 2], new Randomness(7));
        _embeddings.Receive([.. Enumerable.Range(0, 3 * Channels).Select(static i => (float)i)]);
        _embeddings.Read(first: 41, [1, 1, 2], new Randomness(7)); // 40 was committed, and 43 is new
        (float[][] before, float[][] denoising) = Told(3);

        (float keep, float add) = Schedule.Step(1, 0.5f);
        Assert.Equal([keep, add, 0.5f], denoising[0]);
        Assert.Equal([.. Enumerable.Range(Channels, Channels).Select(static i => (float)i)], before[0]);
        Assert.Equal([.. Enumerable.Range(2 * Channels, Channels).Select(static i => (float)i)], before[1]);
        Assert.Equal([1, 0, 1], denoising[2]);
        Assert.Equal(Noise(43), before[2]);
    }

    [Fact]
    public void A_window_moves_through_the_picture_in_little_memory()
    {
        var randomness = new Randomness(7);
        for (int first = 0; first < 30; first++)
        {
            _embeddings.Read(first, [0, 1, 1, 2], randomness);
            (float[][] before, _) = Told(4);
            if (first > 1)
                Assert.Equal([first + 1f, first + 2f], [before[1][0], before[2][0]]); // as remembered below, by position
            _embeddings.Receive([.. Enumerable.Range(first, 4).SelectMany(static position => Enumerable.Repeat((float)position, Channels))]);
        }
    }

    [Fact]
    public void Codes_alone_need_nothing()
    {
        Assert.False(_embeddings.IsRead);
        _embeddings.Read(first: 0, [2], new Randomness(7));
        Assert.True(_embeddings.IsRead);
        _embeddings.ReadNone();
        Assert.False(_embeddings.IsRead);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Embeddings_that_are_no_numbers_are_an_error(float value)
    {
        _embeddings.Read(first: 40, [2, 2], new Randomness(7));
        float[] denoised = new float[2 * Channels];
        denoised[Channels + 3] = value;
        var error = Assert.Throws<InvalidOperationException>(() => _embeddings.Receive(denoised));
        Messages.AssertReadable(error);
        Assert.Contains("position 41", error.Message, StringComparison.Ordinal);
    }

    private (float[][] Before, float[][] Denoising) Told(int count)
    {
        (float[] embeddings, float[] denoising) = (new float[Most * Channels], new float[Most * GraphContract.DenoisingFields]);
        _embeddings.CopyTo(embeddings, denoising);
        return ([.. embeddings.Chunk(Channels).Take(count)], [.. denoising.Chunk(GraphContract.DenoisingFields).Take(count)]);
    }

    /// <summary>Standard normal, times the schedule's σ of noise.</summary>
    private static float[] Noise(int position)
    {
        float[] noise = new float[Channels];
        new Randomness(7).At(0).Normal(noise, position);
        return [.. noise.Select(static number => 2 * number)];
    }
}
