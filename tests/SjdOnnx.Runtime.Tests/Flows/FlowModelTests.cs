using SjdOnnx.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

public class FlowModelTests(Shapes shapes) : IClassFixture<Shapes>
{
    private FlowModel Model => shapes.Model;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public async Task Iterating_gives_the_sample_of_one_token_after_another(int segments)
    {
        BlockPlan exact = new() { Segments = segments, Tolerance = 1e-5, Guess = segments == 4 ? InitialGuess.Zeros : InitialGuess.Noise };
        FlowSample sample = await Model.SampleAsync(Shapes.Options(1, FlowPlan.All(4, exact)));
        Assert.InRange(Difference(sample.Tokens, shapes.Sequential[1].Tokens), 0, 5e-3);
        Assert.InRange(sample.Calls, 4, shapes.Sequential[1].Calls - 1);
        Assert.Equal(4 * 255, shapes.Sequential[1].Calls);
        Assert.Equal(4 * 255, shapes.Sequential[1].RowEvaluations);
    }

    [Fact]
    public async Task A_cap_of_one_update_does_not_give_the_sample()
    {
        FlowSample sample = await Model.SampleAsync(Shapes.Options(1, FlowPlan.All(4, new BlockPlan { MaxUpdates = 1 })));
        Assert.InRange(Difference(sample.Tokens, shapes.Sequential[1].Tokens), 0.1, double.PositiveInfinity);
    }

    [Fact]
    public async Task Density_gives_back_the_noise_that_the_sample_came_from()
    {
        FlowSample sample = shapes.Sequential[0];
        FlowDensity density = await Model.DensityAsync(sample.Tokens, label: 0);
        float[] noise = FlowNoiseTests.Draw(Model.Description, seed: 5, index: 0);
        Assert.InRange(Difference(density.Noise, noise), 0, 0.02);
        FlowDensity other = await Model.DensityAsync(sample.Tokens, label: 1);
        Assert.InRange(Difference(other.Noise, noise), 0.1, double.PositiveInfinity);
    }

    [Fact]
    public async Task Samples_are_likeliest_in_their_own_class()
    {
        for (int label = 0; label < 2; label++)
        {
            IReadOnlyList<double> densities = await Model.LogDensitiesAsync(shapes.Sequential[label].Tokens);
            Assert.Equal(Model.Description.Classes.Count, densities.Count);
            Assert.Equal(label, densities.ToList().IndexOf(densities.Max()));
        }
    }

    [Fact]
    public async Task A_sample_depends_on_its_seed_and_index_alone()
    {
        FlowPlan plan = FlowPlan.All(4, new BlockPlan { Segments = 8 });
        Task<FlowSample>[] together = [.. Enumerable.Range(0, 3).Select(index => Model.SampleAsync(Shapes.Options(index, plan)))];
        FlowSample[] samples = await Task.WhenAll(together);
        FlowSample again = await Model.SampleAsync(Shapes.Options(2, plan));
        Assert.Equal(samples[2].Tokens, again.Tokens);
        FlowSample other = await Model.SampleAsync(Shapes.Options(2, plan) with { Seed = 6 });
        Assert.InRange(Difference(other.Tokens, again.Tokens), 0.1, double.PositiveInfinity);
        Assert.InRange(Difference(samples[1].Tokens, again.Tokens), 0.1, double.PositiveInfinity);
    }

    [Fact]
    public async Task Guidance_runs_the_network_twice_and_changes_the_sample_in_all_ways_alike()
    {
        FlowOptions options = Shapes.Options(3) with { Guidance = new FlowGuidance { Strength = 0.5f, Temperature = 0.9f } };
        FlowSample sequential = await Model.SampleAsync(options);
        FlowSample iterated = await Model.SampleAsync(
            options with { Plan = FlowPlan.All(4, new BlockPlan { Segments = 8, Tolerance = 1e-5 }) });
        FlowSample without = await Model.SampleAsync(Shapes.Options(3));
        Assert.Equal(2 * 4 * 255, sequential.Calls);
        Assert.InRange(Difference(sequential.Tokens, iterated.Tokens), 0, 0.02);
        Assert.InRange(Difference(sequential.Tokens, without.Tokens), 0.1, double.PositiveInfinity);
    }

    [Fact]
    public async Task Denoising_makes_the_image_smoother_and_leaves_the_tokens_alone()
    {
        FlowSample clean = await Model.SampleAsync(Shapes.Options(0) with { Denoising = null });
        Assert.Equal(shapes.Sequential[0].Tokens, clean.Tokens);
        Assert.InRange(Roughness(clean.Image), 0, 0.7 * Roughness(shapes.Sequential[0].Image));

        // The mean absolute difference of neighboring pixels.
        static double Roughness(RgbImage image)
        {
            ReadOnlySpan<byte> rgb = image.Rgb.Span;
            double sum = 0;
            for (int i = 3; i < rgb.Length; i++)
                sum += Math.Abs(rgb[i] - rgb[i - 3]);
            return sum / rgb.Length;
        }
    }

    [Fact]
    public async Task Requests_that_the_model_cannot_do_are_refused()
    {
        await Refused(new FlowOptions { Class = 8 }, "The class is 8; the model shapes has classes from 0 to 7.");
        await Refused(new FlowOptions { Guidance = new FlowGuidance { Strength = 1 } }, "Give a class, or guidance 0.");
        await Refused(new FlowOptions { Plan = FlowPlan.Sequential(3) }, "The plan has 3 blocks; the model has 4.");
        await Refused(new FlowOptions { Plan = FlowPlan.All(4, new BlockPlan { Segments = 5 }) }, "a divisor of the 256 tokens");
        await Assert.ThrowsAsync<ArgumentException>(() => Model.DensityAsync([1, 2, 3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowOptions { Denoising = 3 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowOptions { Class = -1 });

        async Task Refused(FlowOptions options, string because) => Assert.Contains(
            because, (await Assert.ThrowsAsync<RequestException>(() => Model.SampleAsync(options))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_call_ends_and_the_next_one_works()
    {
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Model.SampleAsync(Shapes.Options(0), (_, _) => source.Cancel(), source.Token));
        Assert.Equal(shapes.Sequential[0].Tokens, (await Model.SampleAsync(Shapes.Options(0))).Tokens);
    }

    [Fact]
    public async Task Disposing_ends_what_is_under_way_and_releases_all_tensors()
    {
        FlowModel model = await FlowModel.LoadAsync(Shapes.Folder);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<FlowSample> sample = model.SampleAsync(Shapes.Options(0), (_, _) =>
        {
            begun.TrySetResult();
            Thread.Sleep(10); // after each of hundreds of passes, so that the sample is not there before the model is disposed
        });
        await begun.Task;
        Assert.NotEqual(0, model.LiveTensors);
        await model.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => sample);
        Assert.Equal(0, model.LiveTensors);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => model.SampleAsync());
    }

    [Fact]
    public async Task Measuring_makes_a_plan_whose_samples_are_those_of_one_token_after_another()
    {
        var reports = new List<double>();
        FlowMeasurement measured = await Model.MeasureAsync(
            new FlowMeasureOptions { Samples = 1, Tolerance = 1e-3 }, new Callback<double>(reports.Add));
        Assert.Equal([3, 2, 1, 0], measured.Blocks.Select(static block => block.Metrics.Block));
        Assert.Equal(1, measured.Blocks.Sum(static block => block.Share), 1e-6);
        Assert.All(measured.Blocks, block =>
        {
            Assert.Equal([0, 1, 2, 4, 8, 16, 32, 64], block.Ways.Select(static way => way.Plan.Segments));
            Assert.Equal((255.0, 255.0, 0.0), (block.Ways[0].Passes, block.Ways[0].Rows, block.Ways[0].Difference));
            Assert.All(block.Ways.Skip(1), way => Assert.Equal(block.Metrics.Guess, way.Plan.Guess));
        });
        Assert.Equal(1, reports[^1]);
        FlowSample sample = await Model.SampleAsync(Shapes.Options(0, measured.Plan));
        Assert.InRange(Difference(sample.Tokens, shapes.Sequential[0].Tokens), 0, 0.05);
    }

    private static double Difference(IReadOnlyList<float> tokens, IReadOnlyList<float> others) =>
        tokens.Zip(others, static (a, b) => (double)Math.Abs(a - b)).Max();
}
