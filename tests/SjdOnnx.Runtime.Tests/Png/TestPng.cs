using SjdOnnx.Runtime.Png;

namespace SjdOnnx.Runtime.Tests.Png;

internal static class TestPng
{
    /// <summary>One red pixel, written by Pillow.</summary>
    public static readonly byte[] OnePixel = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC");

    public static byte[] With(string chunkType, byte[] data)
    {
        int header = PngChunk.ReadAll(OnePixel)[0].End;
        return [.. OnePixel[..header], .. PngChunk.Write(chunkType, data), .. OnePixel[header..]];
    }
}
