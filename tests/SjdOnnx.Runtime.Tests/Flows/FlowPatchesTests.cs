using SjdOnnx.Runtime.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

public class FlowPatchesTests
{
    [Fact]
    public void Patches_lie_in_raster_order_with_their_colors_one_after_another()
    {
        byte[] rgb = [.. Enumerable.Range(0, 4 * 4 * 3).Select(static i => (byte)i)];
        float[] tokens = FlowPatches.ToTokens(new RgbImage(4, 4, rgb), patch: 2);

        // The second patch begins at column 2: its reds are at bytes 6, 9, 18 and 21.
        int[] expected = [6, 9, 18, 21, 7, 10, 19, 22, 8, 11, 20, 23];
        Assert.Equal(expected.Select(static value => (value / 127.5f) - 1), tokens[12..24]);
        Assert.Equal(rgb, FlowPatches.ToImage(tokens, side: 4, patch: 2).Rgb.ToArray());
    }

    [Fact]
    public void Numbers_beyond_the_range_become_black_and_white()
    {
        RgbImage image = FlowPatches.ToImage([-1.5f, 7, 0, -1, 1, float.NegativeInfinity, 0, 0, 0, 0, 0, 0], side: 2, patch: 2);
        Assert.Equal([0, 255, 128, 0, 255, 0, 128, 128, 128, 128, 128, 128], FlowColors(image));

        // By color and then by pixel, as in the tokens.
        static IEnumerable<byte> FlowColors(RgbImage image)
        {
            byte[] rgb = image.Rgb.ToArray();
            return Enumerable.Range(0, 12).Select(i => rgb[(i % 4 * 3) + (i / 4)]);
        }
    }
}
