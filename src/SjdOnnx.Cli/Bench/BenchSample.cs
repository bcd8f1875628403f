using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Bench;

/// <summary>One picture, as it was measured. Times are in seconds.</summary>
/// <param name="Tokens">Image tokens.</param>
/// <param name="ForwardPasses">After the prefill.</param>
/// <param name="DraftsPerPass">Judged, in the mean.</param>
/// <param name="Prefill">Tokenizer and first pass.</param>
/// <param name="Decode">All passes after it, sampling included.</param>
/// <param name="Image">The image decoder.</param>
/// <param name="Run">The part of <paramref name="Decode"/> inside ONNX Runtime.</param>
internal sealed record BenchSample(
    int Prompt, int Repeat, ulong Seed, int Tokens, int ForwardPasses, double DraftsPerPass,
    double Prefill, double Decode, double Image, double Run)
{
    /// <summary>The whole picture.</summary>
    public double Total => Prefill + Decode + Image;

    public static BenchSample Of(BenchPicture picture, GeneratedImage image) => new(
        picture.Prompt, picture.Repeat, picture.Seed, image.ImageTokens, image.ForwardPasses, image.DraftsPerPass,
        image.Seconds.Prefill, image.Seconds.Decode, image.Seconds.Image, image.Seconds.Run);
}
