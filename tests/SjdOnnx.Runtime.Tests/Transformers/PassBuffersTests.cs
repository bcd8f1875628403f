using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Tests.Onnx;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

[Collection(UsesDevice.Name)]
public class PassBuffersTests
{
    private const int Lanes = 2;
    private const int Hidden = 4;

    /// <summary>
    /// ONNX Runtime takes sizes and bounds of slices from the host: what lies on the device would be copied when it is bound.
    /// </summary>
    [Fact]
    public void What_is_read_on_the_host_is_not_on_the_device()
    {
        var device = new HostStream { LosesUploads = true };
        var tensors = new NativeTensors();
        using (var memory = new PassMemory(tensors, device.Provider, device))
        using (var buffers = new PassBuffers(
            memory, Lanes, tokens: 8, rows: 1, codes: 16, tree: false, conditionRows: 3, Hidden, noiseChannels: 0))
        {
            var section = new TransformerSection
            {
                Layers = 0,
                KvHeads = 1,
                HeadDim = 1,
                Lanes = Lanes,
                MaxPositions = 64,
                Precisions = [],
                DefaultPrecision = "fp16",
            };
            using var cache = new KeyValueCache(place: 0, section, positions: 64, _ => throw new NotSupportedException());
            var prompt = new Prompt([1, 2, 3, 4, 5], [1, 2]) { Condition = new Condition(new float[3 * Hidden], UnusedPlaces: 7) };
            var entry = new PassEntry(cache, prompt, Lanes, maxIds: 8, noise: null);
            entry.SetPrompt();
            buffers.Begin();
            for (int lane = 0; lane < Lanes; lane++)
                buffers.Add(new PassLane(entry, lane), maxLength: 64);
            buffers.Send();

            Assert.Equal(7, Value<long>(GraphContract.PositionOffset));
            Assert.Equal(5, Value<long>(GraphContract.LaneLengths));
            Assert.Equal(2, Value<int>(GraphContract.TotalSequenceLength(1)));
            Assert.NotEqual(1, Value<int>(GraphContract.SeqLensK(1))); // attention reads it on the device

            T Value<T>(string name) where T : unmanaged =>
                buffers.OfFixedShape.Single(input => input.Name == name).Tensor.Value.GetTensorDataAsSpan<T>()[0];
        }

        Assert.Equal((0, 0), (device.Live, tensors.Live));
    }
}
