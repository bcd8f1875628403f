using System.Numerics.Tensors;
using System.Text.RegularExpressions;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Tests.Transformers;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Onnx;

[Collection(UsesDevice.Name)]
public partial class ProviderTests
{
    private const string Header = "onnxruntime_session_options_config_keys.h";

    /// <summary>Stands for a device: its caches are in memory of the session's own allocator, which is the CPU's.</summary>
    private static Provider Device => new(ExecutionProvider.Cuda, "Cpu", "", (_, _) => { }) { StreamOf = null };

    [Theory]
    [InlineData(ExecutionProvider.Cuda, "session.disable_prepack", "no option of a session")]
    [InlineData(ExecutionProvider.Cpu, "session.allow_spinning", "session.inter_op.allow_spinning, session.intra_op.allow_spinning")]
    [InlineData(ExecutionProvider.Cpu, "device_id", "'cpu' has no option 'device_id'")]
    [InlineData(ExecutionProvider.DirectMl, "gpu_mem_limit", "It has device_id alone")]
    public void An_unknown_option_is_refused(ExecutionProvider provider, string key, string sentence)
    {
        var error = Assert.Throws<ProviderException>(() => Provider.Of(provider, new Dictionary<string, string> { [key] = "1" }));
        Messages.AssertReadable(error);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("first")]
    [InlineData("1.5")]
    public void A_device_that_is_no_number_is_refused(string id)
    {
        var error = Assert.Throws<ProviderException>(
            () => Provider.Of(ExecutionProvider.Cuda, new Dictionary<string, string> { ["device_id"] = id }));
        Messages.AssertReadable(error);
        Assert.Contains($"device_id is '{id}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Measurements_of_other_options_are_told_apart()
    {
        var options = new Dictionary<string, string> { ["session.disable_prepacking"] = "1", ["device_id"] = "2" };
        Provider provider = Provider.Of(ExecutionProvider.Cuda, options);
        Assert.Equal(("cuda device_id=2 session.disable_prepacking=1", 2), (provider.Key, provider.Device));
        Assert.Equal(("cuda", 0), (Provider.Of(ExecutionProvider.Cuda).Key, Provider.Of(ExecutionProvider.Cuda).Device));
    }

    /// <summary>The build copies the header from ONNX Runtime's package.</summary>
    [Fact]
    public void The_keys_of_sessions_are_those_of_ONNX_Runtimes_header()
    {
        string header = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, Header));
        string[] keys = [.. Key().Matches(header).Select(match => match.Groups[1].Value)];
        Assert.InRange(keys.Length, 80, 300);
        Assert.All(keys, SessionKeys.Check);
        Assert.All(keys, key => Assert.True(SessionKeys.IsOne(key)));
        Assert.Equal(keys.Order(StringComparer.Ordinal), SessionKeys.Known.Order(StringComparer.Ordinal));
    }

    [ModelFact]
    public async Task An_option_of_the_session_reaches_ONNX_Runtime()
    {
        var options = new TextToImageOptions
        {
            Threads = 1,
            ProviderOptions = new Dictionary<string, string> { ["session.load_model_format"] = "ORT" },
        };
        Assert.Throws<ModelException>(() => TextToImage.Load(TestModel.Folder!, options).Dispose());

        options = options with { ProviderOptions = new Dictionary<string, string> { ["session.intra_op.allow_spinning"] = "0" } };
        await using TextToImage model = await TextToImage.LoadAsync(TestModel.Folder!, options);
        Assert.Equal(256, (await model.GenerateAsync("a fox", new GenerationOptions { Window = 16 })).ImageTokens);
    }

    [ModelFact]
    public void A_graph_with_nodes_that_the_provider_cannot_run_is_refused_with_the_precisions_that_it_can()
    {
        var error = Assert.Throws<ProviderException>(() => new OpenModel(Precision.Fp32, provider: Device).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains("cannot run every node of transformer.fp32.onnx", error.Message, StringComparison.Ordinal);
        Assert.Contains("Export the model with --precision fp16", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The memory of a cache returns to its allocator, so the allocator must live longer.</summary>
    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void Caches_in_a_sessions_own_memory_are_counted_and_draw_the_same_codes(string precision)
    {
        int[] expected = Draw(Provider.Of(ExecutionProvider.Cpu));
        Assert.Equal(expected, Draw(Device with { MayFallBack = true }));

        int[] Draw(Provider provider)
        {
            var model = new OpenModel(Precision.Parse(precision), provider: provider);
            NativeTensors tensors = model.Loaded.Tensors;
            var codes = new List<int>();
            for (int image = 0; image < 3; image++) // the caches grow
            {
                PromptedTransformer prompted = model.With(model.Prompt(), maxDrafts: 4 << (2 * image), place: image % 2);
                Logits logits = model.Prefill(prompted);
                codes.Add(TensorPrimitives.IndexOfMax(logits.Conditional(0)));
                for (int position = 0; position < 24; position++)
                {
                    int[] id = [model.Committed(position)];
                    codes.Add(TensorPrimitives.IndexOfMax(model.Forward(prompted, id, rows: 1).Conditional(0)));
                }
            }

            Assert.True(tensors.Live > 2 * 16);
            model.Dispose();
            Assert.Equal(0, tensors.Live);
            return [.. codes];
        }
    }

    [GeneratedRegex("""static const char\* const \w+\s*=\s*"([^"]+)";""")]
    private static partial Regex Key();
}
