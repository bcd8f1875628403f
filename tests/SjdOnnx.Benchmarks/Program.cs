using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using SjdOnnx.Benchmarks.Passes;
using SjdOnnx.Benchmarks.Scheduling;
using SjdOnnx.Benchmarks.Serving;

if (args is ["concurrency", ..])
{
    await Concurrency.RunAsync(rounds: args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 10);
    return;
}

if (args is ["serve", "soak" or "compare", var program, var amount, .. var window])
{
    using ServerLoad load = await ServerLoad.StartAsync(program);
    double number = double.Parse(amount, CultureInfo.InvariantCulture);
    await (args[1] == "soak"
        ? load.SoakAsync(TimeSpan.FromMinutes(number))
        : load.CompareAsync((int)number, images: 32, window is [var drafts] ? drafts : "auto"));
    return;
}

if (args is ["splits", var model, var precision, var images, var turns])
{
    PassSplits.Run(model, precision, int.Parse(images, CultureInfo.InvariantCulture), int.Parse(turns, CultureInfo.InvariantCulture));
    return;
}

// Benchmarks run in this process, because the project that BenchmarkDotNet would generate does not find ONNX Runtime.
IConfig config = DefaultConfig.Instance
    .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance))
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddColumn(StatisticColumn.Min); // the most reliable figure on a machine with other work
BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args, config);
