namespace SjdOnnx.Runtime.Flows;

/// <summary>
/// Pictures as tokens: patches in raster order. The numbers of a token are its reds, then its greens, then its blues, each row by row, from
/// −1 to 1.
/// </summary>
internal static class FlowPatches
{
    private const int Colors = 3;

    /// <summary>The picture of tokens. Numbers beyond −1 and 1 become black or white.</summary>
    public static RgbImage ToImage(ReadOnlySpan<float> tokens, int side, int patch)
    {
        var rgb = new byte[side * side * Colors];
        for (int i = 0; i < tokens.Length; i++)
            rgb[Index(i, side, patch)] = (byte)Math.Clamp(MathF.Round((tokens[i] + 1) * 127.5f), 0, 255);
        return new RgbImage(side, side, rgb);
    }

    /// <summary>The tokens of a picture.</summary>
    public static float[] ToTokens(RgbImage image, int patch)
    {
        var tokens = new float[image.Rgb.Length];
        for (int i = 0; i < tokens.Length; i++)
            tokens[i] = (image.Rgb.Span[Index(i, image.Width, patch)] / 127.5f) - 1;
        return tokens;
    }

    /// <summary>Where a number of the tokens is among the bytes of the picture.</summary>
    private static int Index(int number, int side, int patch)
    {
        int area = patch * patch;
        (int token, int channel) = Math.DivRem(number, Colors * area);
        (int color, int pixel) = Math.DivRem(channel, area);
        int row = (token / (side / patch) * patch) + (pixel / patch);
        int column = (token % (side / patch) * patch) + (pixel % patch);
        return (((row * side) + column) * Colors) + color;
    }
}
