using SjdOnnx.Server.OpenAI;

namespace SjdOnnx.Server.Tests.OpenAI;

public sealed class HostedImagesTests
{
    private const int Mebibyte = 1 << 20;

    [Fact]
    public void A_new_file_is_always_there_and_old_ones_make_room_for_it()
    {
        using var files = new HostedImages();
        var names = new List<string>();
        for (byte i = 0; i < 200; i++)
        {
            names.Add(files.Add([i, .. new byte[Mebibyte - 1]], "png"));
            Assert.Equal(i, files.Find(names[^1])![0]);
        }

        Assert.InRange(names.Count(name => files.Find(name) is not null), 16, 64);
        Assert.Null(files.Find(names[0]));
    }

    [Fact]
    public void A_file_that_does_not_fit_is_not_kept_and_does_no_harm()
    {
        using var files = new HostedImages();

        Assert.Null(files.Find(files.Add(new byte[65 * Mebibyte], "png")));
        Assert.NotNull(files.Find(files.Add(new byte[1], "png")));
    }
}
