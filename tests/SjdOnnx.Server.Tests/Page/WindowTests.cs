using Microsoft.Playwright;

namespace SjdOnnx.Server.Tests.Page;

/// <summary>
/// The page in several windows. If the environment variable SJDONNX_SCREENSHOTS names a folder, the pictures of docs/serving.md are taken
/// there.
/// </summary>
public sealed class WindowTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly string? Folder = Environment.GetEnvironmentVariable("SJDONNX_SCREENSHOTS");

    [BrowserFact]
    public async Task The_page_follows_the_systems_colors_and_fits_wide_and_narrow_windows()
    {
        await using RunningServer server = await (await RunningServer.StartAsync()).WhenReadyAsync();

        double light = await ShowAsync(server, "light", 1180, 860, ColorScheme.Light);
        double dark = await ShowAsync(server, "dark", 1180, 860, ColorScheme.Dark);
        await ShowAsync(server, "narrow", 390, 844, ColorScheme.Dark);

        Assert.InRange(light, 200, 255);
        Assert.InRange(dark, 0, 60);
    }

    /// <returns>The brightness of the page's background, 0 to 255.</returns>
    private async Task<double> ShowAsync(RunningServer server, string name, int width, int height, ColorScheme colors)
    {
        IPage page = await browser.OpenAsync(server, new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = colors,
        });
        await page.WaitForSelectorAsync("body[data-ready]");
        bool isNarrow = width < 500;
        if (Folder is not null && !isNarrow)
        {
            await DrawAsync(page, "four strawberries on a pink background", seed: 1, count: 2, null);
            await DrawAsync(page, "an apple on a yellow background", seed: 5, count: 2, null);
        }

        await DrawAsync(page, "a fox above a rocket on a blue background", seed: 7, Folder is null || isNarrow ? 1 : 4, name);
        Assert.Equal(0, await page.EvaluateAsync<int>("Math.max(0, document.documentElement.scrollWidth - innerWidth)"));
        double brightness = await page.EvaluateAsync<double>("""
            getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3
            """);
        await page.CloseAsync();
        return brightness;
    }

    private static async Task DrawAsync(IPage page, string prompt, int seed, int count, string? screenshot)
    {
        await page.FillAsync("#prompt", prompt);
        await page.FillAsync("#seed", $"{seed}");
        await page.FillAsync("#count", $"{count}");
        await page.ClickAsync("#draw");
        if (Folder is not null && screenshot is not null)
        {
            await RunningServer.EventuallyAsync(async () =>
                int.TryParse((await page.TextContentAsync("#tokens"))!.Split('/')[0], out int tokens) && tokens >= 130 * count);
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder, $"{screenshot}-drawing.png") });
        }

        await page.WaitForSelectorAsync("#draw:not(.stop)");
        if (Folder is not null && screenshot is not null)
        {
            string file = Path.Combine(Folder, $"{screenshot}-done.png");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = file, FullPage = true });
        }
    }
}
