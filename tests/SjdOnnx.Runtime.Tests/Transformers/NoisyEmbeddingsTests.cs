using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests.Transformers;

public class NoisyEmbeddingsTests
{
    private const int Channels = 8;
    private const int Max = 5;
    private static readonly DenoisingSection Section = new()
    {
        Steps = 2,
        Hidden = Channels,
        Normalization = "channel",
        Levels = "added",
        Alpha = [1, 0.5f, 0],
        Sigma = [0, 0.6f, 2],
    };

    private static readonly NoiseSchedule Schedule = new(Section);

    private readonly NoisyEmbeddings _embeddings = new(Schedule, steps: 2, Max);

    [Fact]
    public void A_fresh_position_reads_the_noise_of_its_position_and_a_code_reads_none()
    {
        _embeddings.Read(first: 40, [0, 2, 2], new Randomness(7));
        (float[][] before, float[][] denoising) = Written(3);

        Assert.Equal([0, 0, 0], denoising[0]);
        Assert.Equal([1, 0, 1], denoising[1]);
        Assert.Equal(Noise(41), before[1]);
        Assert.Equal(Noise(42), before[2]);
    }

    [Fact]
    public void Each_pass_continues_from_the_embeddings_of_the_pass_before()
    {
        _embeddings.Read(first: 40, [0, 2, 2], new Randomness(7));
        _embeddings.Receive([.. Enumerable.Range(0, 3 * Channels).Select(static i => (float)i)]);
        _embeddings.Read(first: 41, [1, 1, 2], new Randomness(7)); // 40 was committed, and 43 is new
        (float[][] before, float[][] denoising) = Written(3);

        (float keep, float add) = Schedule.Step(1, 0.5f);
        Assert.Equal([keep, add, 0.5f], denoising[0]);
        Assert.Equal([.. Enumerable.Range(Channels, Channels).Select(static i => (float)i)], before[0]);
        Assert.Equal([.. Enumerable.Range(2 * Channels, Channels).Select(static i => (float)i)], before[1]);
        Assert.Equal([1, 0, 1], denoising[2]);
        Assert.Equal(Noise(43), before[2]);
    }

    [Fact]
    public void A_window_that_moves_through_the_image_keeps_its_embeddings_by_position()
    {
        var randomness = new Randomness(7);
        for (int first = 0; first < 30; first++)
        {
            _embeddings.Read(first, [0, 1, 1, 2], randomness);
            (float[][] before, _) = Written(4);
            if (first > 1)
                Assert.Equal([first + 1f, first + 2f], [before[1][0], before[2][0]]); // as remembered below, by position
            IEnumerable<int> positions = Enumerable.Range(first, 4);
            _embeddings.Receive([.. positions.SelectMany(static position => Enumerable.Repeat((float)position, Channels))]);
        }
    }

    [Fact]
    public void A_pass_that_reads_codes_alone_reads_no_embeddings()
    {
        Assert.False(_embeddings.IsRead);
        _embeddings.Read(first: 0, [2], new Randomness(7));
        Assert.True(_embeddings.IsRead);
        _embeddings.ReadNone();
        Assert.False(_embeddings.IsRead);
    }

    [Fact]
    public void Timestep_tokens_stand_before_the_first_noisy_token_and_are_kept_whole()
    {
        var told = new NoiseSchedule(Section with { Levels = "token" });
        var embeddings = new NoisyEmbeddings(told, steps: 2, max: 2 * Max);
        embeddings.Read(first: 40, [0, 2, 0, 2], new Randomness(7));
        Assert.Equal([1, 3], embeddings.Timesteps);
        (float[] before, float[] denoising) = (new float[6 * Channels], new float[6 * GraphContract.DenoisingFields]);
        embeddings.CopyTo(before, denoising);

        Assert.Equal([told.Timestep(1), told.Timestep(1)], before.Chunk(Channels).Skip(1).Take(2));
        Assert.Equal([Noise(41), Noise(43)], [before.Chunk(Channels).ElementAt(3), before.Chunk(Channels).ElementAt(5)]);
        float[][] expected = [[0, 0, 0], [1, 0, 1], [1, 0, 1], [1, 0, 1], [0, 0, 0], [1, 0, 1]];
        Assert.Equal(expected, denoising.Chunk(GraphContract.DenoisingFields));

        embeddings.Receive([.. Enumerable.Range(0, 6).SelectMany(static token => Enumerable.Repeat((float)token, Channels))]);
        embeddings.Read(first: 41, [1, 0, 1], new Randomness(7));
        embeddings.CopyTo(before, denoising);
        Assert.Equal([3f, 5f], [before[2 * Channels], before[4 * Channels]]);
        Assert.Equal(told.Timestep(0.5f), before[..Channels]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Embeddings_that_are_not_finite_are_an_error(float value)
    {
        _embeddings.Read(first: 40, [2, 2], new Randomness(7));
        float[] denoised = new float[2 * Channels];
        denoised[Channels + 3] = value;
        var error = Assert.Throws<NotFiniteNumberException>(() => _embeddings.Receive(denoised));
        Messages.AssertReadable(error);
        Assert.Contains("position 41", error.Message, StringComparison.Ordinal);
    }

    private (float[][] Before, float[][] Denoising) Written(int count)
    {
        (float[] embeddings, float[] denoising) = (new float[Max * Channels], new float[Max * GraphContract.DenoisingFields]);
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
