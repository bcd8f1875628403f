using SjdOnnx.Cli.Generate;

namespace SjdOnnx.Cli.Tests.Generate;

public class ImageNamesTests
{
    [Fact]
    public void Names_with_an_index_sort_in_the_order_of_the_images()
    {
        Assert.Equal("out/fox.png", new ImageNames("out/fox.png", 1, ".png").Of(0, 42));
        Assert.Equal("out.d/fox-7", new ImageNames("out.d/fox", 10, ".png").Of(7, 42));
        Assert.Equal("fox-07.png", new ImageNames("fox.png", 11, ".png").Of(7, 42));
    }

    [Fact]
    public void A_preview_has_the_extension_of_its_format()
    {
        Assert.Equal("out/fox.preview.png", new ImageNames("out/fox.png", 1, ".png").PreviewOf("out/fox.png"));
        Assert.Equal("fox-0.preview.jpg", new ImageNames("fox.jpeg", 2, ".jpg").PreviewOf("fox-0.jpeg"));
    }
}
