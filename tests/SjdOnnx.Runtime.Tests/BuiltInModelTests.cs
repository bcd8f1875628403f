namespace SjdOnnx.Runtime.Tests;

/// <summary>What the README says of the built-in model, as far as it does not depend on the machine's speed.</summary>
public class BuiltInModelTests
{
    /// <summary>The first captions that export/emoji/evaluate.py judges: training saw none of them.</summary>
    private static readonly string[] HeldOutPrompts = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "held-out-prompts.txt"));

    [ModelFact]
    public async Task Sjd_needs_less_than_half_the_passes_of_ar_in_a_window_of_16()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!);
        if (model.Model.Name != "emoji")
            return; // another model, named by SJDONNX_TEST_MODEL: it may accept fewer drafts

        GeneratedImage sequential = await model.GenerateAsync(new() { Prompt = HeldOutPrompts[0], Method = "ar" });
        int passes = 0;
        for (int i = 0; i < HeldOutPrompts.Length; i++)
        {
            var request = new GenerationRequest { Prompt = HeldOutPrompts[i], Seed = (ulong)i, Method = "sjd", Window = 16 };
            passes += (await model.GenerateAsync(request)).ForwardPasses;
        }

        Assert.Equal(sequential.ImageTokens - 1, sequential.ForwardPasses); // the prefill draws the first; row ends cost nothing
        Assert.InRange(passes, HeldOutPrompts.Length, HeldOutPrompts.Length * sequential.ForwardPasses / 2);
    }

    [ModelFact]
    public async Task One_thread_and_two_draw_the_same_tokens_at_fp32()
    {
        using TextToImage one = TextToImage.Load(TestModel.Folder!, new() { Precision = "fp32", Threads = 1 });
        using TextToImage two = TextToImage.Load(TestModel.Folder!, new() { Precision = "fp32", Threads = 2 });
        foreach (string prompt in HeldOutPrompts[..6])
        {
            var request = new GenerationRequest { Prompt = prompt, Seed = 5 };
            Assert.Equal((await one.GenerateAsync(request)).TokenIds, (await two.GenerateAsync(request)).TokenIds);
        }
    }
}
