using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>
/// sjd2-published. The model is the one that was fine-tuned for sjd2; its copy says that it learns levels from timestep tokens, so that
/// the engine reads them, but the model cannot make use of them.
/// </summary>
public sealed class TimestepTests : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket on a blue background", Seed = 5 };

    private readonly Lazy<ModelCopy> _copy = new(static () =>
    {
        var copy = new ModelCopy(TestModel.DenoisingFolder!);
        copy.Edit(manifest =>
        {
            manifest["denoising"]!["levels"] = "token";
            manifest["decoding"]!["method"] = "sjd2-published";
        });
        return copy;
    });

    private readonly Lazy<TextToImage> _model;

    public TimestepTests() =>
        _model = new(() => TextToImage.Load(_copy.Value.Folder, new TextToImageOptions { Threads = 1 }));

    private TextToImage Model => _model.Value;

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
        if (_copy.IsValueCreated)
            _copy.Value.Dispose();
    }

    [DenoisingFact]
    public async Task A_model_is_refused_by_the_method_of_the_other_recipe_with_the_name_of_its_own()
    {
        Assert.True(Model.Model.Supports(PublishedDenoising.Descriptor));
        Assert.False(Model.Model.Supports(SpeculativeDenoising.Descriptor));
        await Refused(Model, new SpeculativeDenoising(), "sjd2 does not fit this model", "published recipe", "method sjd2-published");

        using TextToImage own = TextToImage.Load(TestModel.DenoisingFolder!, new TextToImageOptions { Threads = 1 });
        Assert.False(own.Model.Supports(PublishedDenoising.Descriptor));
        await Refused(own, new PublishedDenoising(), "sjd2-published does not fit this model", "this project's recipe", "method sjd2,");

        static async Task Refused(TextToImage model, IDecodingMethod method, params string[] words)
        {
            var error = await Assert.ThrowsAsync<RequestException>(
                () => model.GenerateAsync(Fox, new GenerationOptions { Method = method }));
            Messages.AssertReadable(error);
            Assert.All(words, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
        }
    }

    [DenoisingFact]
    public void A_model_of_the_other_recipe_that_names_the_method_is_refused_at_load()
    {
        _copy.Value.Edit(manifest => manifest["denoising"]!["levels"] = "added");
        Assert.Contains("does not fit this model", _copy.Value.LoadFails(Precision.Int8), StringComparison.Ordinal);
    }

    [DenoisingTheory]
    [InlineData(1, 16)]
    [InlineData(5, 32)]
    public async Task The_seed_decides_the_image_whatever_else_is_drawn(int steps, int window)
    {
        var options = new GenerationOptions { Method = new PublishedDenoising { DenoisingSteps = steps }, Window = window };
        GeneratedImage alone = await Model.GenerateAsync(Fox, options);
        Assert.Equal(256, alone.ImageTokens);
        Assert.NotEqual(alone.TokenIds, (await Model.GenerateAsync(Fox with { Seed = 6 }, options)).TokenIds);

        GenerationRequest[] requests = [Fox with { Seed = 9 }, Fox, Fox with { Prompt = "a rocket", Seed = 7 }];
        await foreach (IndexedImage image in Model.GenerateManyAsync(requests, options, new GenerateManyOptions { MaxBatch = 2 }))
        {
            if (image.Index == 1)
                Assert.Equal(alone.TokenIds, image.Image.TokenIds);
        }
    }

    [DenoisingFact]
    public void Timestep_tokens_and_noise_leave_nothing_in_the_cache()
    {
        using var model = new OpenModel(Precision.Int8, folder: _copy.Value.Folder);
        int[] ids = [.. Enumerable.Range(0, 12).Select(model.Committed)];
        NoisyTransformer noisy = Noisy(model);
        model.Prefill(noisy);
        noisy.FeedNoisy(ids, 10, [0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2], new Randomness(3));
        model.Transformer.Run(default);
        float[][] rows = [.. Enumerable.Range(0, 2).Select(row => OpenModel.Conditional(noisy.Logits, row))];
        noisy.Truncate(4);
        float[] after = OpenModel.Conditional(model.Forward(noisy, ids.AsSpan(4), 1), 0);

        PromptedTransformer fresh = model.With(model.Prompt(), 16);
        model.Prefill(fresh);
        Logits clean = model.Forward(fresh, ids.AsSpan(0, 4), 2);
        Assert.Equal([OpenModel.Conditional(clean, 0), OpenModel.Conditional(clean, 1)], rows); // the two before the noise
        Assert.Equal(OpenModel.Conditional(model.Forward(fresh, ids.AsSpan(4), 1), 0), after);
    }

    [DenoisingFact]
    public void A_noisy_token_sees_its_timestep_token()
    {
        using var model = new OpenModel(Precision.Int8, folder: _copy.Value.Folder);
        using var other = new OpenModel(Precision.Int8, folder: TestModel.DenoisingFolder);
        int[] ids = [.. Enumerable.Range(0, 6).Select(model.Committed)];
        int[] steps = [0, 0, 2, 2, 0, 0];
        float[][] told = Rows(model, Noisy(model));
        float[][] untold = Rows(other, other.Noisy(16, 2));

        Assert.Equal(untold[..2], told[..2]);
        Assert.All(Enumerable.Range(2, 4), row => Assert.NotEqual(untold[row], told[row]));

        float[][] Rows(OpenModel of, NoisyTransformer noisy)
        {
            of.Prefill(noisy);
            noisy.FeedNoisy(ids, 6, steps, new Randomness(3));
            of.Transformer.Run(default);
            return [.. Enumerable.Range(0, 6).Select(row => OpenModel.Conditional(noisy.Logits, row))];
        }
    }

    private static NoisyTransformer Noisy(OpenModel model) => (NoisyTransformer)PromptedTransformer.For(
        new PublishedDenoising { DenoisingSteps = 2 }, model.Transformer, model.Prompt(), model.Layout, maxDrafts: 16, place: 0);
}
