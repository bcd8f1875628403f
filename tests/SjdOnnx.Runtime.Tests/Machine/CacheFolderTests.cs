using SjdOnnx.Runtime.Machine;

namespace SjdOnnx.Runtime.Tests.Machine;

public class CacheFolderTests
{
    [Fact]
    public void The_cache_folder_is_the_applications_or_the_environments_or_the_users()
    {
        var environment = new Dictionary<string, string?>
        {
            ["SJDONNX_CACHE"] = "/variable",
            ["XDG_CACHE_HOME"] = "/xdg",
            ["HOME"] = "/home/me",
            ["LOCALAPPDATA"] = "/local",
        };
        string? Folder(string? option) => CacheFolder.Find(option, name => environment.GetValueOrDefault(name));

        Assert.Equal("/option", Folder("/option"));
        Assert.Null(Folder(""));
        Assert.Equal("/variable", Folder(null));
        environment["SJDONNX_CACHE"] = "off";
        Assert.Null(Folder(null));
        environment.Remove("SJDONNX_CACHE");
        Assert.Equal(Path.Combine(OperatingSystem.IsWindows() ? "/local" : "/xdg", "sjdonnx"), Folder(null));
        environment.Remove("XDG_CACHE_HOME");
        string users = OperatingSystem.IsWindows() ? "/local" : OperatingSystem.IsMacOS() ? "/home/me/Library/Caches" : "/home/me/.cache";
        Assert.Equal(Path.Combine(users, "sjdonnx"), Folder(null));
        environment.Clear();
        Assert.Null(Folder(null));
    }
}
