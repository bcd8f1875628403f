namespace SjdOnnx.Runtime.Tests;

/// <summary>The tests run with ONNX Runtime's package for the CPU.</summary>
public class ProviderReportTests
{
    [Fact]
    public void The_CPU_runs_and_needs_nothing()
    {
        ProviderReport report = ProviderReport.Of(ExecutionProvider.Cpu);
        Assert.Null(report.Problem);
        Assert.True(report.Runs);
        Assert.Empty(report.Libraries);
    }

    [Theory]
    [InlineData(ExecutionProvider.Cuda, "cudart")]
    [InlineData(ExecutionProvider.TensorRt, "nvinfer")]
    [InlineData(ExecutionProvider.DirectMl, "DirectML")]
    public void A_provider_that_does_not_run_names_the_libraries_that_it_loads(ExecutionProvider provider, string library)
    {
        ProviderReport report = ProviderReport.Of(provider);
        Assert.False(report.Runs);
        Assert.Contains("is not available here", report.Problem, StringComparison.Ordinal);
        Assert.Contains(report.Libraries, one => one.File.Contains(library, StringComparison.Ordinal) && one.Source.Length > 0);
        Assert.Contains(report.Libraries, one => !one.IsFound);
    }

    [Fact]
    public void A_wrong_option_is_the_problem_and_no_exception()
    {
        ProviderReport report = ProviderReport.Of(ExecutionProvider.Cpu, new Dictionary<string, string> { ["device_id"] = "1" });
        Assert.Contains("has no option 'device_id'", report.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_GPU_has_a_name_and_memory() => // there may be none
        Assert.All(GpuDevice.All(), gpu => Assert.True(gpu.Name.Length > 0 && gpu.TotalMemory >= gpu.FreeMemory && gpu.FreeMemory > 0));

    [ModelFact]
    public void The_bytes_of_a_precision_are_part_of_all_bytes()
    {
        ModelDescription int8 = ModelDescription.Read(TestModel.Folder!, Precision.Int8);
        Assert.InRange(int8.LoadedBytes, int8.Bytes / 4, int8.Bytes);
        Assert.NotEqual(int8.LoadedBytes, ModelDescription.Read(TestModel.Folder!, Precision.Fp32).LoadedBytes);
        Assert.Equal(0, int8.CacheBytes % (2 * 4 * int8.Layers * int8.Lanes));
    }
}
