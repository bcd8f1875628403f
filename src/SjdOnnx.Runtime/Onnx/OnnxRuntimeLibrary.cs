using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>Sets up ONNX Runtime's native library for this process: no output to the console, and no telemetry.</summary>
internal static partial class OnnxRuntimeLibrary
{
    private const string DisableTelemetry = "ORT_DISABLE_TELEMETRY";

    /// <summary>The version of the native library, such as "1.31.1".</summary>
    /// <exception cref="ProviderException">The native library is missing or cannot be loaded.</exception>
    public static string Version
    {
        get
        {
            EnsureEnvironment();
            return OrtEnv.Instance().GetVersionString();
        }
    }

    /// <summary>
    /// Creates ONNX Runtime's environment with logging off, unless the application has created one. By default, ONNX Runtime writes
    /// warnings and errors to standard error. A library should not do that, and errors are thrown as exceptions anyway. Whatever uses
    /// ONNX Runtime calls this first.
    /// </summary>
    /// <exception cref="ProviderException">The native library is missing or cannot be loaded.</exception>
    public static void EnsureEnvironment()
    {
        try
        {
            if (OrtEnv.IsCreated)
                return;
            var options = new EnvironmentCreationOptions { logId = "SjdOnnx", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            OrtEnv.CreateInstanceWithOptions(ref options);
        }
        catch (TypeInitializationException error) when (error.GetBaseException() is DllNotFoundException missing)
        {
            throw new ProviderException(
                $"ONNX Runtime's native library cannot be loaded: it should be beside the application in {AppContext.BaseDirectory}. Add " +
                $"the package Microsoft.ML.OnnxRuntime to the application's project. ({Sentence.Of(missing)})", error);
        }
        catch (OnnxRuntimeException) when (OrtEnv.IsCreated)
        {
            // The application has created one meanwhile. It stays as it is.
        }
    }

    /// <summary>
    /// Turns telemetry off. From version 1.29 on, ONNX Runtime reports the program's path and the model's name to a collector, and keeps a
    /// device id and a database in the user's cache folder. The native library reads the variable once, when it is loaded, so the variable
    /// is set before any code of this assembly runs. A value that the user has set is kept.
    /// </summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255:The 'ModuleInitializer' attribute should not be used in libraries",
        Justification = "The variable must be set before the first call into the native library, wherever in this assembly that is made.")]
    internal static void TurnTelemetryOff()
    {
        if (Environment.GetEnvironmentVariable(DisableTelemetry) is not null)
            return;
        Environment.SetEnvironmentVariable(DisableTelemetry, "1");
        if (!OperatingSystem.IsWindows())
            _ = SetNativeVariable(DisableTelemetry, "1", overwrite: 0); // on Unix, native code does not see the variables that .NET sets
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);
}
