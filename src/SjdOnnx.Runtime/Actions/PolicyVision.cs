using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SixLabors.ImageSharp.Processing.Processors.Transforms;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Actions;

/// <summary>Turns a picture into vectors for the language model.</summary>
internal sealed class PolicyVision : IDisposable
{
    private const string Pixels = "pixels", Patches = "patches";
    private static readonly string[] Outputs = [Patches];

    private readonly Session _session;
    private readonly NativeTensors _tensors;
    private readonly VisionSection _shape;

    /// <param name="session">The graph. It is disposed with this.</param>
    /// <exception cref="ModelException">The graph does not match model.json.</exception>
    public PolicyVision(Session session, NativeTensors tensors, PolicyManifest manifest)
    {
        (_session, _tensors, _shape) = (session, tensors, manifest.Vision);
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        graph.RequireInput($"a side of {_shape.Side} pixels", Pixels, TensorElementType.UInt8, 1, _shape.Side, _shape.Side, 3);
        graph.RequireOutput(
            $"{_shape.Patches} patches", Patches, TensorElementType.Float, _shape.Patches, manifest.Transformer.Hidden);
        graph.RequireNoOtherInput("a policy");
    }

    /// <summary>Writes the vectors of a picture, whose middle is cut out and resized as the model was trained.</summary>
    public void Read(RgbImage picture, Span<float> patches, CancellationToken cancellation)
    {
        byte[] pixels = picture.Rgb.ToArray();
        if (picture.Width != _shape.Side || picture.Height != _shape.Side || _shape.KeptArea < 1)
            pixels = Resized(picture);
        using NativeTensor input = _tensors.Over(pixels, 1, _shape.Side, _shape.Side, 3);
        using IDisposableReadOnlyCollection<OrtValue> outputs = _session.Run(Pixels, input.Value, Outputs, cancellation);
        using NativeTensor output = _tensors.Own(outputs[0]);
        output.Value.GetTensorDataAsSpan<float>().CopyTo(patches);
    }

    public void Dispose() => _session.Dispose();

    private byte[] Resized(RgbImage picture)
    {
        using Image<Rgb24> image = Image.LoadPixelData<Rgb24>(picture.Rgb.Span, picture.Width, picture.Height);
        double kept = Math.Sqrt(_shape.KeptArea);
        int width = Math.Max(1, (int)Math.Round(kept * picture.Width)), height = Math.Max(1, (int)Math.Round(kept * picture.Height));
        var middle = new Rectangle((picture.Width - width) / 2, (picture.Height - height) / 2, width, height);
        image.Mutate(operation => operation.Crop(middle).Resize(_shape.Side, _shape.Side, LanczosResampler.Lanczos3));
        var pixels = new byte[_shape.Side * _shape.Side * 3];
        image.CopyPixelDataTo(pixels);
        return pixels;
    }
}
