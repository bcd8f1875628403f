using Microsoft.Playwright;

namespace SjdOnnx.Server.Tests.Page;

/// <summary>Takes the pictures of docs/serving.md anew if SJDONNX_SCREENSHOTS names a folder for them.</summary>
public sealed class ScreenshotTests(Browser browser) : IClassFixture<Browser>
{
    private const string Variable = "SJDONNX_SCREENSHOTS";

    [BrowserFact]
    public async Task The_page_looks_right_in_a_wide_window_a_narrow_one_and_the_dark()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        await using RunningServer server = await (await RunningServer.StartAsync()).WhenReadyAsync();
        (string Name, int Width, int Height, ColorScheme Colors, float Scale)[] windows =
        [
            ("light", 1180, 860, ColorScheme.Light, 1), ("dark", 1180, 860, ColorScheme.Dark, 1), ("narrow", 390, 844, ColorScheme.Dark, 1),
        ];
        foreach ((string name, int width, int height, ColorScheme colors, float scale) in windows)
        {
            IPage page = await browser.OpenAsync(server, new BrowserNewContextOptions
            {
                ViewportSize = new ViewportSize { Width = width, Height = height },
                ColorScheme = colors,
                DeviceScaleFactor = scale,
            });
            int overflow = await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth");
            Assert.InRange(overflow, int.MinValue, 0);
            await page.FillAsync("#prompt", "a fox above a rocket on a blue background");
            if (name != "narrow")
                await page.FillAsync("#count", "4");
            await page.FillAsync("#seed", "7");
            await page.ClickAsync("#draw");
            await RunningServer.EventuallyAsync(async () => int.TryParse((await page.TextContentAsync("#tokens"))!.Split('/')[0], out int tokens)
                && tokens >= 120);
            if (folder is not null)
                await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}-drawing.png") });
            await page.WaitForSelectorAsync("#draw:not(.stop)");
            if (folder is not null)
                await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}-done.png"), FullPage = true });
            await page.CloseAsync();
        }
    }
}
