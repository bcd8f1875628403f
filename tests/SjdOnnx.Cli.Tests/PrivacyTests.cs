using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests;

/// <summary>The program writes nothing where the user did not ask.</summary>
public sealed class PrivacyTests : IDisposable
{
    private readonly Sjd _sjd = new() { Cache = "cache" };

    public void Dispose() => _sjd.Dispose();

    [ModelFact(UnixOnly = true)]
    public async Task Drawing_writes_nothing_into_the_users_home()
    {
        string home = Directory.CreateDirectory(_sjd.PathOf("home")).FullName;
        SetHome(home);

        Finished finished = await _sjd.GenerateAsync("a fox", "-o", "fox.png");

        Assert.Equal(ExitCode.Done, finished.ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(home, "*", SearchOption.AllDirectories));
        Assert.Equal(["cache", "fox.png", "home"], _sjd.Files);
    }

    [ModelFact(UnixOnly = true)]
    public async Task A_home_that_cannot_be_written_changes_nothing()
    {
        SetHome(_sjd.PathOf("no-such-folder"));
        Finished expected = await _sjd.GenerateAsync("a fox", "-o", "before.png", "--seed", "7", "--window", "8");
        SetHome("/dev/null/home");

        Finished finished = await _sjd.GenerateAsync("a fox", "-o", "fox.png", "--seed", "7", "--window", "8");

        Assert.Equal(ExitCode.Done, finished.ExitCode);
        Assert.Equal(expected.Error.Split('\n').Length, finished.Error.Split('\n').Length);
        Assert.Equal(_sjd.Read("before.png"), _sjd.Read("fox.png"));
        Assert.Equal(["before.png", "cache", "fox.png"], _sjd.Files);
    }

    private void SetHome(string home)
    {
        _sjd.Variables["HOME"] = home;
        foreach (string variable in (string[])["XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
            _sjd.Variables[variable] = Path.Combine(home, variable);
    }
}
