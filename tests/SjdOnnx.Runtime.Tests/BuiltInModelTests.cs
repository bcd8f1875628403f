using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

/// <summary>What the documentation says of the built-in model, as far as it does not depend on the machine's speed.</summary>
public class BuiltInModelTests
{
    /// <summary>The first captions of the evaluation: the model was not trained on any of them.</summary>
    private static readonly string[] HeldOutPrompts = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "held-out-prompts.txt"));

    [ModelFact(BuiltInOnly = true)]
    public async Task Sjd_with_a_window_of_16_needs_less_than_half_the_passes_of_ar()
    {
        using TextToImage model = TextToImage.Load(TestModel.Folder!);
        GeneratedImage sequential = await model.GenerateAsync(HeldOutPrompts[0], new GenerationOptions { Method = new Autoregressive() });
        var sjd = new GenerationOptions { Method = new SpeculativeJacobi(), Window = 16 };
        GenerationRequest[] requests =
            [.. HeldOutPrompts.Select((prompt, i) => new GenerationRequest { Prompt = prompt, Seed = (ulong)i })];
        int passes = 0;
        await foreach (IndexedImage image in model.GenerateManyAsync(requests, sjd))
            passes += image.Image.ForwardPasses;

        Assert.Equal(sequential.ImageTokens - 1, sequential.ForwardPasses); // the prefill draws the first code; row ends cost nothing
        Assert.InRange(passes, HeldOutPrompts.Length, HeldOutPrompts.Length * sequential.ForwardPasses / 2);
    }

    [ModelFact(BuiltInOnly = true)]
    public async Task One_thread_and_two_draw_the_same_tokens_at_fp32()
    {
        using TextToImage one = TextToImage.Load(TestModel.Folder!, new() { Precision = Precision.Fp32, Threads = 1 });
        using TextToImage two = TextToImage.Load(TestModel.Folder!, new() { Precision = Precision.Fp32, Threads = 2 });
        foreach (string prompt in HeldOutPrompts[..6])
        {
            var request = new GenerationRequest { Prompt = prompt, Seed = 5 };
            Assert.Equal((await one.GenerateAsync(request)).TokenIds, (await two.GenerateAsync(request)).TokenIds);
        }
    }
}
