using SjdOnnx.Runtime.Decoding;

namespace SjdOnnx.Runtime.Tests.Decoding;

/// <summary>Several pictures in one transformer.</summary>
public class SlotTests
{
    private static readonly string[] Words = ["a fox", "a fox above a rocket on a blue background", "a rocket"];

    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void Rows_are_those_of_each_picture_alone_to_the_bit(string precision)
    {
        using var model = new OpenModel(precision, pictures: 4);
        float[][] alone = new float[3][];
        for (var i = 0; i < 3; i++)
            alone[i] = Last(Feed(model, i, slot: 0), model, i);

        PromptedTransformer[] together = [.. Enumerable.Range(0, 3).Select(i => Feed(model, i, slot: 3 - i))];
        model.Transformer.Run(default);
        for (var i = 0; i < 3; i++)
            together[i].Feed(Window(model, i), 5, []);
        model.Transformer.Run(default);

        for (var i = 0; i < 3; i++)
            Assert.Equal(alone[i], OpenModel.Conditional(together[i].Logits, 4));
    }

    [ModelFact]
    public void A_pass_of_several_pictures_allocates_nothing_once_its_shape_is_known()
    {
        using var model = new OpenModel(pictures: 4);
        PromptedTransformer[] together = [.. Enumerable.Range(0, 3).Select(i => Feed(model, i, slot: i))];
        model.Transformer.Run(default);
        int[] window = Window(model, 0);
        Assert.Equal(0, Allocations.Least(() =>
        {
            foreach (PromptedTransformer picture in together)
                picture.Feed(window, 5, []);
            model.Transformer.Run(default);
            foreach (PromptedTransformer picture in together)
                picture.Truncate(0);
        }));
    }

    /// <summary>A prompt too long for the slot's cache moves that slot's cache and leaves the others where they are.</summary>
    [ModelFact]
    public void A_picture_that_comes_later_may_need_a_larger_cache()
    {
        using var model = new OpenModel(pictures: 2);
        float[] expected = Last(Feed(model, 0, slot: 0), model, 0);

        PromptedTransformer first = Feed(model, 0, slot: 0);
        model.Transformer.Run(default);
        var longPrompt = new Prompt([.. Enumerable.Range(0, 120).Select(model.Code)], [model.Code(1)]);
        PromptedTransformer second = model.Transformer.With(longPrompt, model.Layout, 16, slot: 1);
        first.Feed(Window(model, 0), 5, []);
        second.FeedPrompt();
        model.Transformer.Run(default);

        Assert.Equal(expected, OpenModel.Conditional(first.Logits, 4));
    }

    [ModelFact]
    public void More_pictures_than_any_open_graph_holds_are_an_error()
    {
        using var model = new OpenModel(pictures: 2);
        for (var slot = 0; slot < 3; slot++)
            Feed(model, 0, slot);
        var error = Assert.Throws<InvalidOperationException>(() => model.Transformer.Run(default));
        Assert.Contains("3 pictures were fed", error.Message, StringComparison.Ordinal);
    }

    private static PromptedTransformer Feed(OpenModel model, int picture, int slot)
    {
        PromptedTransformer prompted = model.Transformer.With(model.Prompt(Words[picture]), model.Layout, 16, slot: slot);
        prompted.FeedPrompt();
        return prompted;
    }

    private static int[] Window(OpenModel model, int picture) => [.. Enumerable.Range(picture * 40, 7).Select(model.Code)];

    private static float[] Last(PromptedTransformer prompted, OpenModel model, int picture)
    {
        model.Transformer.Run(default);
        return OpenModel.Conditional(prompted.Forward(Window(model, picture), 5), 4);
    }
}
