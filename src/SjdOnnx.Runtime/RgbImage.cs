using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime;

/// <summary>
/// Pixels. In JSON it is an object with <c>width</c>, <c>height</c>, <c>mediaType</c> and <c>data</c>, a PNG file in base64.
/// </summary>
[JsonConverter(typeof(RgbImageJson))]
public sealed class RgbImage
{
    private static readonly ImageFileOptions Fast = new() { Fast = true };

    /// <param name="width">Width in pixels, 1 or more.</param>
    /// <param name="height">Height in pixels, 1 or more.</param>
    /// <param name="rgb">[height × width × 3] from 0 to 255, row-major. Not copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">Width or height is below 1.</exception>
    /// <exception cref="ArgumentException">There are more or fewer bytes than the pixels need.</exception>
    public RgbImage(int width, int height, ReadOnlyMemory<byte> rgb)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (rgb.Length != 3L * width * height)
            throw new ArgumentException($"There are {rgb.Length} bytes; {width}x{height} pixels need {3L * width * height}.", nameof(rgb));
        (Width, Height, Rgb) = (width, height, rgb);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>[height × width × 3] from 0 to 255, row-major.</summary>
    public ReadOnlyMemory<byte> Rgb { get; }

    /// <summary>The bytes of an image file, without generation data.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="options">Null for <see cref="ImageFileOptions.Fast"/> and other defaults.</param>
    /// <exception cref="ArgumentException">
    /// The options ask for something that the format does not have, such as a quality of PNG.
    /// </exception>
    public byte[] Encode(ImageFormat format = ImageFormat.Png, ImageFileOptions? options = null) =>
        ImageEncoder.Encode(Rgb, Width, Height, format, options ?? Fast, data: null);
}

/// <summary>Writes an <see cref="RgbImage"/> as a PNG file in base64.</summary>
public sealed class RgbImageJson : JsonConverter<RgbImage>
{
    /// <inheritdoc/>
    public override RgbImage Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Images are written to JSON and not read from it.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RgbImage value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteNumber("width", value.Width);
        writer.WriteNumber("height", value.Height);
        writer.WriteString("mediaType", "image/png");
        writer.WriteBase64String("data", value.Encode());
        writer.WriteEndObject();
    }
}
