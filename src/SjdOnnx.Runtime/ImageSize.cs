namespace SjdOnnx.Runtime;

/// <summary>Width and height of an image in pixels.</summary>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Such as <c>512x512</c>.</summary>
    public override string ToString() => $"{Width}x{Height}";
}

/// <summary>Width to height, as in 16:9.</summary>
public readonly record struct AspectRatio(int Width, int Height)
{
    /// <summary>Such as <c>16:9</c>.</summary>
    public override string ToString() => $"{Width}:{Height}";

    /// <summary>How far a size is from this shape: 0 for the same shape, 0.1 for about a tenth wider or higher.</summary>
    internal double DistanceTo(ImageSize size) =>
        Math.Abs(Math.Log((double)size.Width / size.Height) - Math.Log((double)Width / Height));
}
