using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>Passes that are split into groups of lanes, which run side by side.</summary>
public class LaneGroupTests
{
    [ModelTheory]
    [InlineData("int8", 2, 1, "exact")] // a group for each lane
    [InlineData("int8", 2, 1, "ar")]
    [InlineData("int8", 2, 2, "mc")] // a group for each image
    [InlineData("int8", 2, 3, "exact")] // two images in one group, and one in the other
    [InlineData("int8", 4, 3, "exact")] // two lanes are left for the last group
    [InlineData("int8", 4, 5, "sjd")] // three groups are enough
    [InlineData("int8", 2, 1, "pac")] // a tree is not split
    [InlineData("fp32", 2, 1, "exact")]
    [InlineData("fp32", 2, 3, "exact")]
    public void An_image_has_the_same_codes_however_passes_are_split(string precision, int groups, int images, string method)
    {
        int[][] whole = Draw(precision, 1, images, method);
        Assert.Equal(whole, Draw(precision, groups, images, method));
    }

    [DenoisingFact]
    public void An_image_that_reads_noise_has_the_same_codes_however_passes_are_split()
    {
        int[][] whole = Draw("int8", 1, images: 2, "sjd2", TestModel.DenoisingFolder);
        Assert.Equal(whole, Draw("int8", 2, images: 2, "sjd2", TestModel.DenoisingFolder));
        Assert.Equal(whole[..1], Draw("int8", 2, images: 1, "sjd2", TestModel.DenoisingFolder));
    }

    [ModelTheory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_split_pass_has_the_logits_of_a_whole_one(int images)
    {
        Assert.Equal(Logits(groups: 1), Logits(groups: 2));

        float[] Logits(int groups)
        {
            using var model = new OpenModel(Precision.Int8, images, groups: groups);
            PromptedTransformer[] together = Together(model, images);
            return [.. together.SelectMany(static image => Both(image.Logits))];
        }
    }

    [ModelFact]
    public void A_split_pass_of_a_known_shape_allocates_nothing()
    {
        using var model = new OpenModel(Precision.Int8, groups: 2);
        PromptedTransformer image = Assert.Single(Together(model, images: 1));
        int[] ids = [.. Enumerable.Range(0, 5).Select(model.Committed)];
        Assert.Equal(0, Allocations.Least(() =>
        {
            image.Truncate(0);
            image.Feed(ids, 5, []);
            model.Transformer.Run(default);
        }));
    }

    [ModelFact]
    public void A_pass_is_cancelled_in_all_groups_and_the_next_one_is_right()
    {
        using var model = new OpenModel(Precision.Int8, groups: 2);
        PromptedTransformer image = Assert.Single(Together(model, images: 1));
        float[] expected = OpenModel.Conditional(image.Logits, 4);
        int[] ids = [.. Enumerable.Range(0, 5).Select(model.Committed)];
        image.Truncate(0);
        image.Feed(ids, 5, []);
        Assert.ThrowsAny<OperationCanceledException>(() => model.Transformer.Run(new CancellationToken(canceled: true)));

        image.Truncate(0);
        image.Feed(ids, 5, []);
        model.Transformer.Run(default);
        Assert.Equal(expected, OpenModel.Conditional(image.Logits, 4));
    }

    /// <summary>Only one lane reads the word whose id the embedding does not have.</summary>
    [ModelTheory]
    [InlineData(0)]
    [InlineData(1)]
    public void An_error_in_one_group_is_the_error_of_the_pass(int lane)
    {
        using var failing = new FailingModel();
        using var model = new OpenModel(Precision.Int8, folder: failing.Folder, groups: 2);
        Prompt good = model.Prompt("fox");
        int[] bad = [5000];
        var prompt = lane == 0 ? good with { Conditional = bad } : good with { Unconditional = bad };
        PromptedTransformer image = model.With(prompt, maxDrafts: 4);
        image.FeedPrompt();
        Assert.Throws<InferenceException>(() => model.Transformer.Run(default));

        image = model.With(good, maxDrafts: 4);
        image.FeedPrompt();
        model.Transformer.Run(default);
        Assert.True(float.IsFinite(image.Logits.Conditional(0)[0]));
    }

    [ModelFact]
    public void Another_number_of_groups_can_be_chosen_between_two_passes()
    {
        using var model = new OpenModel(Precision.Int8, groups: 2);
        PromptedTransformer image = Assert.Single(Together(model, images: 1));
        float[] expected = OpenModel.Conditional(image.Logits, 4);
        int[] ids = [.. Enumerable.Range(0, 5).Select(model.Committed)];
        foreach (int groups in (int[])[1, 2, 2, 1])
        {
            model.Transformer.SetGroups(images: 1, groups);
            model.Transformer.Open(images: 1);
            Assert.Equal(groups, model.Transformer.GroupsOf(1));
            image = model.With(model.Prompt("a fox"), maxDrafts: 8);
            model.Prefill(image);
            Assert.Equal(expected, OpenModel.Conditional(LogitsOf(model, image, ids), 4));
        }
    }

    [Fact]
    public void A_thread_that_nobody_needs_ends_and_comes_back()
    {
        using var thread = new PassThread();
        for (int time = 0; time < 2; time++)
        {
            int ran = 0;
            thread.Begin(_ => Interlocked.Increment(ref ran), CancellationToken.None);
            Assert.Null(thread.End());
            Assert.Equal(1, ran);
            Assert.True(SpinWait.SpinUntil(() => !thread.IsAlive, TimeSpan.FromSeconds(30)));
        }
    }

    [Fact]
    public void An_exception_of_a_thread_is_returned_and_the_thread_goes_on()
    {
        using var thread = new PassThread();
        thread.Begin(static _ => throw new InvalidOperationException("It went wrong."), CancellationToken.None);
        Assert.Equal("It went wrong.", thread.End()!.SourceException.Message);
        thread.Begin(static _ => { }, CancellationToken.None);
        Assert.Null(thread.End());
    }

    private static float[] Both(Logits logits) => [.. logits.Conditional(4), .. logits.Unconditional(4)];

    private static Logits LogitsOf(OpenModel model, PromptedTransformer image, int[] ids)
    {
        image.Feed(ids, ids.Length, []);
        model.Transformer.Run(default);
        return image.Logits;
    }

    /// <summary>Images after a pass over their first five codes.</summary>
    private static PromptedTransformer[] Together(OpenModel model, int images)
    {
        PromptedTransformer[] together =
            [.. Enumerable.Range(0, images).Select(place => model.With(model.Prompt("a fox"), maxDrafts: 8, place: place))];
        foreach (PromptedTransformer image in together)
            image.FeedPrompt();
        model.Transformer.Run(default);
        int[] ids = [.. Enumerable.Range(0, 5).Select(model.Committed)];
        foreach (PromptedTransformer image in together)
            image.Feed(ids, 5, []);
        model.Transformer.Run(default);
        return together;
    }

    private static int[][] Draw(string precision, int groups, int images, string method, string? folder = null)
    {
        using var model = new OpenModel(Precision.Parse(precision), images, folder, groups: groups);
        IDecodingMethod chosen = DecodingMethods.BuiltIn[method].Default;
        if (chosen is SpeculativeDenoising)
            chosen = new SpeculativeDenoising { DenoisingSteps = 3 };
        int window = chosen.Descriptor.HasDrafts ? 8 : 0;
        return model.Draw(chosen, window, images);
    }
}
