using System.Runtime.InteropServices;

namespace SjdOnnx.Runtime;

/// <summary>The machine's processor.</summary>
public static class Processor
{
    /// <summary>The maker's name, if the system tells it; otherwise the architecture.</summary>
    public static string Name { get; } = ReadName();

    /// <summary>
    /// Physical cores that this process may use, because two threads of one core share its multipliers and wait for each other. 0 if only
    /// ONNX Runtime can tell.
    /// </summary>
    internal static int PhysicalCores()
    {
        if (!OperatingSystem.IsLinux())
            return 0;
        var cores = new HashSet<string>();
        for (var cpu = 0; File.Exists(Siblings(cpu)); cpu++)
            cores.Add(File.ReadAllText(Siblings(cpu)).Trim());
        // A container may be given fewer processors than the machine has.
        return cores.Count == 0 ? Environment.ProcessorCount : Math.Min(Environment.ProcessorCount, cores.Count);
    }

    private static string ReadName()
    {
        string? name = OperatingSystem.IsWindows() ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") : FromProc();
        return string.IsNullOrWhiteSpace(name) ? RuntimeInformation.ProcessArchitecture.ToString() : name.Trim();
    }

    private static string? FromProc()
    {
        const string Info = "/proc/cpuinfo";
        const string Field = "model name";
        return File.Exists(Info)
            ? File.ReadLines(Info).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal))?.Split(':', 2)[^1]
            : null;
    }

    private static string Siblings(int cpu) => $"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list";
}
