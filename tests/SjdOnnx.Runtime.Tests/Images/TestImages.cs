using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

/// <summary>Image files that tests read: of ours, and of Pillow.</summary>
internal static class TestImages
{
    /// <summary>One red pixel, by Pillow.</summary>
    public static readonly byte[] Png = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC");

    /// <summary>3 × 2 pixels, by Pillow.</summary>
    public static readonly byte[] Jpeg = Convert.FromBase64String("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAACAAMDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAwT/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCQA1j/2Q==");

    /// <summary>3 × 2 pixels, lossy, by Pillow.</summary>
    public static readonly byte[] WebP = Convert.FromBase64String("UklGRjQAAABXRUJQVlA4ICgAAACQAQCdASoDAAIAB0CWJaACdLoAA5gA/uUK+Cepco/+N48CvJdjoAAA");

    /// <summary>17 × 9 pixels with the EXIF of web UIs, in several scans, by Pillow.</summary>
    public static readonly byte[] WebUiJpeg = Convert.FromBase64String("/9j/4AAQSkZJRgABAQAAAQABAAD/4QC6RXhpZgAATU0AKgAAAAgAAYdpAAQAAAABAAAAGgAAAAAAAZKGAAcAAACGAAAALAAAAABVTklDT0RFAABhACAAZgBvAHgACgBOAGUAZwBhAHQAaQB2AGUAIABwAHIAbwBtAHAAdAA6ACAAZgBvAGcACgBTAHQAZQBwAHMAOgAgADIAMAAsACAAUwBhAG0AcABsAGUAcgA6ACAARQB1AGwAZQByACAAYQAsACAAUwBlAGUAZAA6ACAANf/bAEMAGxIUFxQRGxcWFx4cGyAoQisoJSUoUTo9MEJgVWVkX1VdW2p4mYFqcZBzW12FtYaQnqOrratngLzJuqbHmairpP/bAEMBHB4eKCMoTisrTqRuXW6kpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpP/CABEIAAkAEQMBIgACEQEDEQH/xAAXAAEBAQEAAAAAAAAAAAAAAAADAAEC/8QAFgEBAQEAAAAAAAAAAAAAAAAAAQAD/9oADAMBAAIQAxAAAAEU3vSKaH//xAAbEAABBAMAAAAAAAAAAAAAAAACAAEQERIiQ//aAAgBAQABBQIA1xaqFczj/8QAFREBAQAAAAAAAAAAAAAAAAAAARD/2gAIAQMBAT8BVn//xAAYEQACAwAAAAAAAAAAAAAAAAAAARESE//aAAgBAgEBPwHNSUR//8QAGRAAAgMBAAAAAAAAAAAAAAAAAAEQETFx/9oACAEBAAY/ArZhiF2f/8QAHxABAAEBCQAAAAAAAAAAAAAAAQAxEBEhQVGBweHw/9oACAEBAAE/IQv0IkQOOtZ4O4R59uLP/9oADAMBAAIAAwAAABCE3//EABgRAQADAQAAAAAAAAAAAAAAAAEAEcHw/9oACAEDAQE/EFXTybCf/8QAFREBAQAAAAAAAAAAAAAAAAAAARD/2gAIAQIBAT8QUj//xAAeEAEAAQIHAAAAAAAAAAAAAAABEQBhECExcaGx8f/aAAgBAQABPxB8AQiW9BQKIM6Ni5rXnlOG6cU//9k=");

    /// <summary>17 × 9 pixels with EXIF in the other byte order, by Pillow.</summary>
    public static readonly byte[] WebUiWebP = Convert.FromBase64String("UklGRlwBAABXRUJQVlA4WAoAAAAIAAAAEAAACAAAVlA4IIQAAADQAwCdASoRAAkAPxFysFAsJqSisAgBgCIJbACdLoAASg0J1Pc0PQAA/uXqC1PGjCjyNscPUs9NNzUWYHHD8HwxN/S9IZdW3OUeyhr/Y+OyhPzamKowAyUpHKoxJmxNw7D3KmwSfcsAr+5uyU6NbNT5wf/9AlrnRkTSTMQ21JMtnhHXZgBFWElGsgAAAElJKgAIAAAAAQBphwQAAQAAABoAAAAAAAAAAQCGkgcAhgAAACwAAAAAAAAAVU5JQ09ERQBhACAAZgBvAHgACgBOAGUAZwBhAHQAaQB2AGUAIABwAHIAbwBtAHAAdAA6ACAAZgBvAGcACgBTAHQAZQBwAHMAOgAgADIAMAAsACAAUwBhAG0AcABsAGUAcgA6ACAARQB1AGwAZQByACAAYQAsACAAUwBlAGUAZAA6ACAANQA=");

    /// <summary>How a picture of 31 × 17 pixels was drawn.</summary>
    public static readonly GenerationData Fox = new()
    {
        Engine = "SjdOnnx 0.1.0",
        Random = "philox4x32-10",
        Model = new DrawnModel("emoji", "0123456789abcdef", "int8"),
        Provider = "cpu",
        Request = new DrawnRequest("a fox", 42, "sjd", 16, "uniform", 3, 0.9f, 0, 1, 31, 17),
        Statistics = new DrawnStatistics(256, 70, 3.66, [10, 20, 40]),
    };

    /// <summary>A file of 31 × 17 pixels that differ from each other.</summary>
    /// <param name="data">What it says about its making; null for nothing.</param>
    public static byte[] Of(ImageFormat format, GenerationData? data, ImageFileOptions? options = null) =>
        ImageEncoder.Encode(Pixels(31, 17), 31, 17, format, options ?? new ImageFileOptions(), data);

    public static byte[] Pixels(int width, int height) =>
        [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)((i * 37) ^ (i / width)))];

    public static ImageFileInfo Read(ReadOnlySpan<byte> file) => ImageFileInfo.Read(new MemoryStream(file.ToArray()));

    /// <summary>The file is refused with a sentence.</summary>
    public static void AssertRefused(ReadOnlySpan<byte> file, string because)
    {
        byte[] bytes = file.ToArray();
        string sentence = Assert.Throws<ImageFormatException>(() => Read(bytes)).Message;
        Assert.Contains(because, sentence, StringComparison.Ordinal);
        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
    }
}
