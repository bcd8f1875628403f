using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Images;

/// <summary>Turns image codes into an image.</summary>
internal sealed class ImageDecoder(Session session, NativeTensors tensors) : IDisposable
{
    private static readonly string[] Outputs = [GraphContract.Rgb];

    /// <summary>Decodes a whole image.</summary>
    /// <param name="codes">[<see cref="TokenLayout.ImageTokens"/>], row by row.</param>
    public RgbImage Decode(ReadOnlySpan<int> codes, TokenLayout layout, CancellationToken cancellation)
    {
        var input = new long[codes.Length];
        for (var i = 0; i < codes.Length; i++)
            input[i] = codes[i];

        using NativeTensor tensor = tensors.Over(input, 1, layout.Rows, layout.Columns);
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(GraphContract.Codes, tensor.Value, Outputs, cancellation);
        using NativeTensor rgb = tensors.Own(outputs[0]);
        long[] shape = rgb.Value.GetTensorTypeAndShape().Shape;
        return new RgbImage((int)shape[2], (int)shape[1], rgb.Value.GetTensorDataAsSpan<byte>().ToArray());
    }

    /// <summary>
    /// Decodes an image of which only the first rows are known. Below them, every column repeats its last code, so backgrounds continue.
    /// The decoder normalizes over the whole image. With repeated codes, the finished rows look almost as they will at the end; a fixed
    /// code would tint them.
    /// </summary>
    /// <param name="codes">The finished rows; the rest is overwritten.</param>
    public RgbImage Preview(Span<int> codes, int finishedRows, TokenLayout layout, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(finishedRows, 1);
        Span<int> last = codes.Slice((finishedRows - 1) * layout.Columns, layout.Columns);
        for (int row = finishedRows; row < layout.Rows; row++)
            last.CopyTo(codes.Slice(row * layout.Columns, layout.Columns));
        return Decode(codes, layout, cancellation);
    }

    public void Dispose() => session.Dispose();
}
