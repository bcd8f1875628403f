using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Tests.Onnx;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

/// <summary>
/// Passes on a device, which <see cref="HostStream"/> stands for: their inputs are copied, and they are padded to a few sizes.
/// </summary>
[Collection(UsesDevice.Name)]
public class CapturedPassesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(5, 6)]
    [InlineData(17, 18)]
    [InlineData(18, 18)]
    [InlineData(33, 34)]
    [InlineData(258, 258)]
    [InlineData(1000, 1000)]
    public void Passes_are_padded_to_a_window_of_a_power_of_two_and_two_tokens(int tokens, int size) =>
        Assert.Equal(size, CapturedPasses.SizeFor(tokens));

    [Fact]
    public void No_size_is_more_than_twice_the_tokens_that_it_holds() =>
        Assert.All(Enumerable.Range(1, 300), tokens => Assert.InRange(CapturedPasses.SizeFor(tokens), tokens, 2 * tokens));

    [ModelTheory]
    [InlineData("exact", 8)]
    [InlineData("exact", 16)]
    [InlineData("sjd", 24)]
    [InlineData("ar", 0)]
    public void An_image_on_a_device_has_the_codes_of_one_on_the_CPU(string method, int window)
    {
        var device = new HostStream();
        int[][] onCpu = Draw(Provider.Of(ExecutionProvider.Cpu), method, window, images: 1, out _);
        Assert.Equal(onCpu, Draw(device.Provider, method, window, images: 1, out int captures));
        Assert.InRange(captures, 1, 8); // a size for the window, and those of the end of the image
        Assert.Equal((0, true), (device.Live, device.IsDisposed));
    }

    [ModelFact]
    public void Images_that_share_passes_on_a_device_have_the_codes_of_those_on_the_CPU()
    {
        var device = new HostStream();
        int[][] onCpu = Draw(Provider.Of(ExecutionProvider.Cpu), "exact", 8, images: 3, out _); // of four places one is idle
        Assert.Equal(onCpu, Draw(device.Provider, "exact", 8, images: 3, out int captures));
        Assert.InRange(captures, 3, 40);
        Assert.Equal(0, device.Live);
    }

    /// <summary>This model is int8, where the rounding of a pass depends on its padding, so it is not padded here.</summary>
    [DenoisingFact]
    public void An_image_that_reads_noise_on_a_device_has_the_codes_of_one_on_the_CPU()
    {
        var device = new HostStream();
        int[][] onCpu = Draw(Provider.Of(ExecutionProvider.Cpu), "sjd2", 16, images: 1, out _, TestModel.DenoisingFolder);
        Provider provider = device.Provider with { Captures = false };
        Assert.Equal(onCpu, Draw(provider, "sjd2", 16, images: 1, out int captures, TestModel.DenoisingFolder));
        Assert.Equal((0, 0), (captures, device.Live));
    }

    [DenoisingFact]
    public void An_image_that_reads_noise_can_be_drawn_by_captured_passes()
    {
        var device = new HostStream();
        int[] codes = Assert.Single(Draw(device.Provider, "sjd2", 16, images: 1, out int captures, TestModel.DenoisingFolder));
        Assert.InRange(captures, 2, 16);
        Assert.InRange(codes.Distinct().Count(), 10, 256);
        Assert.Equal(0, device.Live);
    }

    [ModelFact]
    public void Inputs_go_up_in_one_copy_and_logits_come_down_in_one()
    {
        var device = new HostStream();
        using var model = new OpenModel(provider: device.Provider);
        PromptedTransformer prompted = model.With(model.Prompt(), maxDrafts: 8);
        model.Prefill(prompted);
        for (int pass = 0; pass < 4; pass++) // the first two are computed twice
            Window(model, prompted, 5);
        (int up, int down, TimeSpan time) = (device.Uploads, device.Downloads, model.Transformer.TimeInTransfers);
        Window(model, prompted, 5);
        Window(model, prompted, 6);
        Assert.Equal((up + 2, down + 2), (device.Uploads, device.Downloads));
        Assert.True(model.Transformer.TimeInTransfers > time);
        Assert.Equal(1, Assert.Single(model.Transformer.Captured).Count); // both are padded to 6
    }

    [ModelFact]
    public void A_captured_pass_allocates_nothing()
    {
        using var model = new OpenModel(provider: new HostStream().Provider);
        PromptedTransformer prompted = model.With(model.Prompt(), maxDrafts: 8);
        model.Prefill(prompted);
        int[] ids = [.. Enumerable.Range(0, 5).Select(model.Committed)];
        for (int pass = 0; pass < 3; pass++) // the first two are computed twice
            Pass();
        Assert.Equal(0, Allocations.Least(Pass));

        void Pass()
        {
            _ = model.Forward(prompted, ids, ids.Length);
            prompted.Truncate(0);
        }
    }

    [ModelFact]
    public void A_captured_pass_with_other_logits_ends_all_capture()
    {
        var device = new HostStream();
        using var model = new OpenModel(provider: device.Provider);
        PromptedTransformer prompted = model.With(model.Prompt(), maxDrafts: 8);
        float[] expected = model.Prefill(prompted).Conditional(0).ToArray();
        expected = Window(model, prompted, 5);
        CapturedPasses captured = Assert.Single(model.Transformer.Captured);
        Assert.True(captured.AreRight);

        int before = device.Downloads;
        device.Downloaded = (logits, downloads) => logits[7] += downloads == before + 1 ? 1e-6f : 0; // of the captured run
        Assert.Equal(expected, Window(model, prompted, 5));
        Assert.False(captured.AreRight);

        int count = captured.Count;
        AssertClose(expected, Window(model, prompted, 5)); // no longer padded
        Window(model, prompted, 3);
        Assert.Equal(count, captured.Count);
    }

    [ModelFact]
    public async Task While_another_thread_uses_the_device_passes_are_not_captured()
    {
        using var model = new OpenModel(provider: new HostStream().Provider);
        PromptedTransformer prompted = model.With(model.Prompt(), maxDrafts: 8);
        model.Prefill(prompted);
        float[] expected = Window(model, prompted, 5);
        using var began = new SemaphoreSlim(0);
        using var drawn = new SemaphoreSlim(0);
        Task other = Task.Run(() =>
        {
            using DeviceCalls.Held held = DeviceCalls.Begin();
            began.Release();
            drawn.Wait();
        });
        await began.WaitAsync();
        Assert.False(DeviceCalls.TryCapture(() => Assert.Fail("Another thread uses the device.")));
        Assert.Equal(expected, Window(model, prompted, 5));
        drawn.Release();
        await other;
        bool captured = false;
        Assert.True(DeviceCalls.TryCapture(() => captured = true));
        Assert.True(captured);
    }

    [ModelFact]
    public void A_model_that_does_not_fit_the_device_is_refused_before_it_is_loaded()
    {
        var device = new HostStream { FreeBytes = 3 << 20 };
        var error = Assert.Throws<ProviderException>(() => new OpenModel(provider: device.Provider).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains("3 MiB of GPU 0 are free", error.Message, StringComparison.Ordinal);
        Assert.Equal((0, true), (device.Live, device.IsDisposed));
    }

    [ModelFact]
    public void An_image_that_does_not_fit_the_device_leaves_nothing_behind()
    {
        var device = new HostStream();
        using (var model = new OpenModel(provider: device.Provider))
        {
            model.With(model.Prompt(), maxDrafts: 8);
            (int live, int tensors) = (device.Live, model.Loaded.Tensors.Live);
            device.FreeBytes = 1 << 20;
            Assert.Throws<InferenceException>(() => model.With(model.Prompt(), maxDrafts: 8, place: 1));
            Assert.Equal((live, tensors), (device.Live, model.Loaded.Tensors.Live));
        }

        Assert.Equal(0, device.Live);
    }

    /// <summary>Codes of images of the same prompt, by seed.</summary>
    private static int[][] Draw(Provider provider, string method, int window, int images, out int captures, string? folder = null)
    {
        using var model = new OpenModel(folder is null ? Precision.Fp32 : Precision.Int8, images, folder, provider);
        IDecodingMethod chosen = DecodingMethods.BuiltIn[method].Default;
        if (chosen is SpeculativeDenoising)
            chosen = new SpeculativeDenoising { DenoisingSteps = 4 };
        int[][] codes = model.Draw(chosen, window, images);
        captures = model.Transformer.Captured.Sum(static graph => graph.Count);
        Assert.All(model.Transformer.Captured, static graph => Assert.True(graph.AreRight));
        return codes;
    }

    /// <summary>The conditional logits of a window at the beginning of the image.</summary>
    private static float[] Window(OpenModel model, PromptedTransformer prompted, int tokens)
    {
        int[] ids = [.. Enumerable.Range(0, tokens).Select(model.Committed)];
        _ = model.Forward(prompted, ids, tokens);
        float[] rows = [.. Enumerable.Range(0, tokens).SelectMany(row => OpenModel.Conditional(prompted.Logits, row))];
        prompted.Truncate(0);
        return rows;
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        float scale = TensorPrimitives.MaxMagnitude<float>(expected);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4f * scale));
    }
}
