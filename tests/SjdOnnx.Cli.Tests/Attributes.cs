namespace SjdOnnx.Cli.Tests;

/// <summary>A theory that needs a model and what only Unix has.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixModelTheoryAttribute : TheoryAttribute
{
    public UnixModelTheoryAttribute() => Skip = new ModelFactAttribute { UnixOnly = true }.Skip;
}

/// <summary>A test that needs the program script, which gives a command a terminal.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TerminalFactAttribute : FactAttribute
{
    public TerminalFactAttribute()
    {
        IEnumerable<string> folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        Skip = !OperatingSystem.IsLinux() ? "The options of the program script differ from those on Linux."
            : folders.Any(folder => File.Exists(Path.Combine(folder, "script"))) ? null
            : "The program script is not installed (package bsdutils or util-linux).";
    }
}
