using System.Text.Json;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Doctor;

/// <summary>The tests run with ONNX Runtime's package for the CPU.</summary>
public class DoctorTests
{
    [ModelFact]
    public async Task Doctor_tries_every_provider_and_names_what_is_missing()
    {
        using var sjd = new Sjd();

        Finished finished = await sjd.RunAsync("doctor", "--model", TestModel.Folder!);

        Assert.True(finished.ExitCode == 0, finished.Error);
        Assert.Contains("\ncpu runs.\n", finished.Output, StringComparison.Ordinal);
        foreach (string provider in (string[])["cuda", "tensorrt", "dml"])
            Assert.Contains($"\n{provider} does not run. The provider '{provider}' is not ", finished.Output, StringComparison.Ordinal);
        string missing = OperatingSystem.IsWindows() ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
        Assert.Contains($"  missing: {missing}, from the build of ONNX Runtime for GPUs", finished.Output, StringComparison.Ordinal);
        Assert.Matches(@"\| int8 +\| +\d+ \| +\d+ \| yes +\|", finished.Output);
        Assert.Empty(sjd.Files);
    }

    [ModelTheory]
    [InlineData(ExitCode.Done, "cpu")]
    [InlineData(ExitCode.Done, "cpu", "--provider-option", "session.disable_prepacking=1")]
    [InlineData(ExitCode.Provider, "cuda", "--provider-option", "device_id=1")]
    [InlineData(ExitCode.Provider, "cpu", "--provider-option", "device_id=1")]
    [InlineData(ExitCode.Provider, "cpu", "--provider-option", "session.disable_prepack=1")]
    public async Task The_exit_code_says_whether_the_provider_runs_with_its_options(int exitCode, string provider, params string[] options)
    {
        using var sjd = new Sjd();

        Finished finished = await sjd.RunAsync(["doctor", "--json", "--model", TestModel.Folder!, "--provider", provider, .. options]);

        Assert.Equal(exitCode, finished.ExitCode);
        JsonElement report = JsonElement.Parse(finished.Output);
        JsonElement tried = Assert.Single(report.GetProperty("providers").EnumerateArray());
        Assert.Equal((provider, exitCode == 0), (tried.GetProperty("provider").GetString(), tried.GetProperty("runs").GetBoolean()));
        Assert.True(report.GetProperty("free_memory").GetInt64() > 0);
        Assert.True(report.GetProperty("precisions")[0].GetProperty("weights").GetInt64() > 1 << 20);
    }

    [ModelTheory]
    [InlineData("--provider-option", "device_id", "--provider-option is 'device_id'; it must be a name and a value, as in KEY=VALUE")]
    [InlineData("--provider-option", "=1", "--provider-option is '=1'; it must be a name and a value")]
    [InlineData("--provider-option", "device_id=", "--provider-option is 'device_id='; it must be a name and a value")]
    [InlineData("--provider-option", "device_id=1", "name it with --provider")]
    public async Task An_option_without_name_value_or_provider_is_wrong_usage(string option, string value, string complaint)
    {
        using var sjd = new Sjd();
        (await sjd.RunAsync("doctor", option, value)).AssertFailed(ExitCode.Usage, complaint);
    }

    [ModelFact]
    public async Task An_option_of_the_session_changes_no_image_and_an_unknown_one_is_refused()
    {
        using var sjd = new Sjd();

        Finished drawn = await sjd.GenerateAsync(
            "a fox", "-o", "fox.png", "--provider-option", "session.intra_op.allow_spinning=0",
            "--provider-option", "session.disable_prepacking=0");
        Assert.True(drawn.ExitCode == 0, drawn.Error);
        (await sjd.GenerateAsync("a fox", "--provider-option", "session.intra_op.spinning=0")).AssertFailed(
            ExitCode.Provider, "'session.intra_op.spinning' is no option of a session");
        (await sjd.GenerateAsync("a fox", "--provider-option", "gpu_mem_limit=1")).AssertFailed(
            ExitCode.Provider, "The provider 'cpu' has no option 'gpu_mem_limit'");
    }
}
