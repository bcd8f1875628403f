using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace SjdOnnx.Server.Tests.Page;

/// <summary>The web page as people use it.</summary>
public sealed partial class PageTests(Browser browser) : IClassFixture<Browser>, IAsyncLifetime
{
    private const string Prompt = "a fox on a blue background";
    private const string Key = "0123456789abcdef0123456789abcdef";

    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await (await RunningServer.StartAsync()).WhenReadyAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [BrowserFact]
    public async Task An_image_grows_is_kept_and_is_drawn_again_with_its_seed()
    {
        IPage page = await OpenAsync();
        var sizes = new List<int>();
        await page.FillAsync("#prompt", Prompt);
        await page.FillAsync("#seed", "18446744073709551615");
        await page.SelectOptionAsync("#method", "sjd");

        await page.ClickAsync("#draw");

        await RunningServer.EventuallyAsync(async () =>
        {
            sizes.Add(await TokensAsync(page));
            return sizes[^1] == 256;
        });
        Assert.Contains(sizes, static tokens => tokens is > 0 and < 256);
        await page.WaitForSelectorAsync("#images li");
        Assert.Matches(Seconds(), await page.TextContentAsync("#status"));
        Assert.Contains("seed 18446744073709551615", await page.TextContentAsync("#images li"), StringComparison.Ordinal);
        byte[] first = await DownloadAsync(page);
        Answers.AssertPng(first);

        await page.FillAsync("#prompt", "something else");
        await page.FillAsync("#seed", "");
        await page.ClickAsync("text=Again with this seed");

        await page.WaitForSelectorAsync("#images li:nth-child(2)");
        Assert.Equal(Prompt, await page.InputValueAsync("#prompt"));
        Assert.Equal("18446744073709551615", await page.InputValueAsync("#seed"));
        Assert.Equal(await PixelsAsync(page, 1), await PixelsAsync(page, 2));
    }

    [BrowserFact]
    public async Task The_keyboard_alone_draws_stops_and_looks_at_images()
    {
        IPage page = await OpenAsync();
        await page.Keyboard.TypeAsync(Prompt); // the prompt has the focus
        await page.FillAsync("#count", "2");

        await page.Keyboard.PressAsync("Control+Enter");
        await page.WaitForSelectorAsync("#images li:nth-child(2)");
        await page.WaitForSelectorAsync("#draw:not(.stop)");

        await page.FocusAsync("#images li:nth-child(1) .open");
        await page.Keyboard.PressAsync("Enter");
        string first = (await page.TextContentAsync("#viewer-facts"))!;
        await page.Keyboard.PressAsync("ArrowRight");
        Assert.NotEqual(first, await page.TextContentAsync("#viewer-facts"));
        await page.Keyboard.PressAsync("Escape");
        Assert.False(await page.IsVisibleAsync("#viewer"));

        await page.SelectOptionAsync("#method", "ar");
        await page.FocusAsync("#prompt");
        await page.Keyboard.PressAsync("Control+Enter");
        await RunningServer.EventuallyAsync(() => _server.Model.ImagesUnderWay > 0);
        await page.Keyboard.PressAsync("Escape");
        await RunningServer.EventuallyAsync(() => _server.Model.ImagesUnderWay == 0);
        await page.WaitForSelectorAsync("#draw:not(.stop)");
        Assert.Equal("Stopped.", await page.TextContentAsync("#status"));
    }

    [BrowserFact]
    public async Task What_the_server_refuses_is_shown()
    {
        IPage page = await OpenAsync();
        await page.FillAsync("#prompt", "   ");

        await page.ClickAsync("#draw");

        await RunningServer.EventuallyAsync(async () =>
            (await page.TextContentAsync("#status"))!.Contains("The prompt is empty", StringComparison.Ordinal));
        Assert.True(await page.IsVisibleAsync("#status.failed"));
        Assert.Empty(await page.QuerySelectorAllAsync("#images li"));
    }

    [BrowserFact]
    public async Task A_server_with_keys_asks_for_one_until_it_is_right()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options => options.ApiKeys.Add(Key));
        await server.WhenReadyAsync();
        IPage page = await browser.OpenAsync(server);

        foreach (string key in (string[])["wrong", Key])
        {
            await page.WaitForSelectorAsync("#key-dialog[open]");
            await page.FillAsync("#key", key);
            await page.Keyboard.PressAsync("Enter");
        }

        await page.WaitForSelectorAsync("body[data-ready]");
        await page.FillAsync("#prompt", Prompt);
        await page.ClickAsync("#draw");
        await page.WaitForSelectorAsync("#images li");
        Assert.DoesNotContain(Key, await page.ContentAsync(), StringComparison.Ordinal);
    }

    [BrowserFact]
    public async Task The_page_loads_nothing_from_elsewhere_and_breaks_no_rule_of_its_own()
    {
        var complaints = new List<string>();
        var addresses = new List<string>();
        IPage page = await browser.OpenAsync(_server);
        page.Console += (_, message) => complaints.Add(message.Text);
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) => addresses.Add(request.Url);
        await page.ReloadAsync();
        await page.WaitForSelectorAsync("body[data-ready]");
        await page.FillAsync("#prompt", Prompt);
        await page.ClickAsync("#draw");
        await page.WaitForSelectorAsync("#images li");

        Assert.Empty(complaints);
        Assert.True(addresses.Count >= 5);
        string[] own = [_server.Address.ToString(), $"blob:{_server.Address}"];
        Assert.All(addresses, address => Assert.True(own.Any(start => address.StartsWith(start, StringComparison.Ordinal)), address));
    }

    [BrowserFact]
    public async Task In_a_narrow_window_nothing_is_cut_off_and_every_control_has_a_name()
    {
        IPage page = await browser.OpenAsync(
            _server, new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 320, Height = 640 } });
        await page.WaitForSelectorAsync("body[data-ready]");
        await page.ClickAsync("summary");

        Assert.Equal(0, await page.EvaluateAsync<int>("Math.max(0, document.documentElement.scrollWidth - innerWidth)"));
        string[] nameless = await page.EvaluateAsync<string[]>("""
            [...document.querySelectorAll("#form input, #form select, #form textarea, #form button")]
              .filter((one) => !one.labels?.length && !one.getAttribute("aria-label") && !one.textContent.trim()).map((one) => one.id)
            """);
        Assert.Empty(nameless);
    }

    private async Task<IPage> OpenAsync()
    {
        IPage page = await browser.OpenAsync(_server);
        await page.WaitForSelectorAsync("body[data-ready]");
        return page;
    }

    private static async Task<int> TokensAsync(IPage page) =>
        int.TryParse((await page.TextContentAsync("#tokens"))!.Split('/')[0], out int tokens) ? tokens : 0;

    private static async Task<byte[]> DownloadAsync(IPage page)
    {
        IDownload download = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#images li:nth-child(1) a"));
        Assert.Equal("sjd-18446744073709551615.png", download.SuggestedFilename);
        return await File.ReadAllBytesAsync((await download.PathAsync())!);
    }

    /// <summary>The pixels of an image of the gallery, as a data URL.</summary>
    private static Task<string> PixelsAsync(IPage page, int number) => page.EvaluateAsync<string>("""
        async (number) => {
          const image = document.querySelector(`#images li:nth-child(${number}) img`);
          await image.decode();
          const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
          canvas.getContext("2d").drawImage(image, 0, 0);
          return canvas.toDataURL();
        }
        """, number);

    [GeneratedRegex(@"^Done in \d+\.\d\d s\.$")]
    private static partial Regex Seconds();
}
