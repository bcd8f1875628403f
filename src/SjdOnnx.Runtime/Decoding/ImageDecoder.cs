using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>An image as pixels.</summary>
/// <param name="Rgb">[height × width × 3], row-major.</param>
internal sealed record DecodedImage(int Width, int Height, byte[] Rgb);

/// <summary>Turns image codes into an image.</summary>
internal sealed class ImageDecoder(Session session, NativeTensors tensors) : IDisposable
{
    private static readonly string[] Outputs = [GraphContract.Rgb];

    /// <param name="codes">[<see cref="TokenLayout.ImageTokens"/>], row by row.</param>
    public DecodedImage Decode(ReadOnlySpan<int> codes, TokenLayout layout, CancellationToken cancellation)
    {
        var input = new long[codes.Length];
        for (var i = 0; i < codes.Length; i++)
            input[i] = codes[i];

        using NativeTensor tensor = tensors.Over(input, 1, layout.Rows, layout.Columns);
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(GraphContract.Codes, tensor.Value, Outputs, cancellation);
        using NativeTensor rgb = tensors.Own(outputs[0]);
        long[] shape = rgb.Value.GetTensorTypeAndShape().Shape;
        return new DecodedImage((int)shape[2], (int)shape[1], rgb.Value.GetTensorDataAsSpan<byte>().ToArray());
    }

    /// <summary>
    /// A picture of which only the first rows are known. Below them every column repeats its last code: backgrounds go on, and the
    /// decoder's normalisation, whose statistics span the whole image, shows the finished rows nearly as they will be; a fixed code
    /// would tint them.
    /// </summary>
    /// <param name="codes">The finished rows; overwritten from there on.</param>
    public DecodedImage Preview(Span<int> codes, int finishedRows, TokenLayout layout, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(finishedRows, 1);
        Span<int> last = codes.Slice((finishedRows - 1) * layout.Columns, layout.Columns);
        for (int row = finishedRows; row < layout.Rows; row++)
            last.CopyTo(codes.Slice(row * layout.Columns, layout.Columns));
        return Decode(codes, layout, cancellation);
    }

    public void Dispose() => session.Dispose();
}
