using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>Several images in one forward pass.</summary>
public class SharedPassTests
{
    private static readonly string[] Words = ["a fox", "a fox above a rocket on a blue background", "a rocket"];

    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void Logits_of_images_that_share_a_pass_are_those_of_each_image_alone(string precision)
    {
        using var model = new OpenModel(Precision.Parse(precision), images: 4);
        float[][] alone = new float[3][];
        for (var i = 0; i < 3; i++)
            alone[i] = Last(Feed(model, i, place: 0), model, i);

        PromptedTransformer[] together = [.. Enumerable.Range(0, 3).Select(i => Feed(model, i, place: 3 - i))];
        model.Transformer.Run(default);
        for (var i = 0; i < 3; i++)
            together[i].Feed(Window(model, i), 5, []);
        model.Transformer.Run(default);

        for (var i = 0; i < 3; i++)
            Assert.Equal(alone[i], OpenModel.Conditional(together[i].Logits, 4));
    }

    [ModelFact]
    public void A_pass_of_several_images_of_a_known_shape_allocates_nothing()
    {
        using var model = new OpenModel(images: 4);
        PromptedTransformer[] together = [.. Enumerable.Range(0, 3).Select(i => Feed(model, i, place: i))];
        model.Transformer.Run(default);
        int[] window = Window(model, 0);
        Assert.Equal(0, Allocations.Least(() =>
        {
            foreach (PromptedTransformer image in together)
                image.Feed(window, 5, []);
            model.Transformer.Run(default);
            foreach (PromptedTransformer image in together)
                image.Truncate(0);
        }));
    }

    /// <summary>A prompt that is too long for the cache of its place gets a larger one there; the caches of other places stay.</summary>
    [ModelFact]
    public void An_image_that_joins_with_a_long_prompt_does_not_change_the_logits_of_the_others()
    {
        using var model = new OpenModel(images: 2);
        float[] expected = Last(Feed(model, 0, place: 0), model, 0);

        PromptedTransformer first = Feed(model, 0, place: 0);
        model.Transformer.Run(default);
        var longPrompt = new Prompt([.. Enumerable.Range(0, 120).Select(model.Code)], [model.Code(1)]);
        PromptedTransformer second = model.With(longPrompt, 16, place: 1);
        first.Feed(Window(model, 0), 5, []);
        second.FeedPrompt();
        model.Transformer.Run(default);

        Assert.Equal(expected, OpenModel.Conditional(first.Logits, 4));
    }

    [ModelFact]
    public void More_images_than_any_graph_holds_are_an_error()
    {
        using var model = new OpenModel();
        int most = model.Transformer.MaxImages;
        for (var place = 0; place <= most; place++)
            Feed(model, 0, place);
        var error = Assert.Throws<InvalidOperationException>(() => model.Transformer.Run(default));
        Assert.Contains($"{2 * (most + 1)} lanes were fed", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void Every_run_counts_as_one_pass_with_one_image_or_several()
    {
        using var model = new OpenModel(images: 4);
        Assert.Equal(0, model.Transformer.Passes);
        PromptedTransformer[] together = [.. Enumerable.Range(0, 3).Select(i => Feed(model, i, place: i))];
        model.Transformer.Run(default);
        Assert.Equal(1, model.Transformer.Passes);
        Last(together[0], model, 0, prefilled: true);
        Assert.Equal(2, model.Transformer.Passes);
    }

    private static PromptedTransformer Feed(OpenModel model, int image, int place)
    {
        PromptedTransformer prompted = model.With(model.Prompt(Words[image]), 16, place: place);
        prompted.FeedPrompt();
        return prompted;
    }

    private static int[] Window(OpenModel model, int image) => [.. Enumerable.Range(image * 40, 7).Select(model.Code)];

    private static float[] Last(PromptedTransformer prompted, OpenModel model, int image, bool prefilled = false)
    {
        if (!prefilled)
            model.Transformer.Run(default);
        return OpenModel.Conditional(model.Forward(prompted, Window(model, image), 5), 4);
    }
}
