using Microsoft.Playwright;

namespace SjdOnnx.Server.Tests.Page;

/// <summary>Debian's Chromium, which is on this machine already: nothing is downloaded.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>The program; null if there is none.</summary>
    public static string? Program { get; } = Places.FirstOrDefault(File.Exists);

    public async Task InitializeAsync()
    {
        if (Program is null)
            return;
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        });
    }

    /// <summary>Opens the page of a server in a window of its own.</summary>
    internal async Task<IPage> OpenAsync(RunningServer server, BrowserNewContextOptions? options = null)
    {
        IBrowserContext window = await _browser!.NewContextAsync(options ?? new BrowserNewContextOptions());
        IPage page = await window.NewPageAsync();
        await page.GotoAsync(server.Address.ToString());
        return page;
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        _playwright?.Dispose();
    }
}

/// <summary>A test that needs a browser. ./test installs Debian's.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() =>
        Skip = Browser.Program is null ? "There is no Chromium (run: apt-get install chromium)." : null;
}
