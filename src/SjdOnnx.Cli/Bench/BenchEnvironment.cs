namespace SjdOnnx.Cli.Bench;

/// <summary>What figures belong to: the machine, the programs and the model.</summary>
/// <param name="Cores">Logical processors that the process may use.</param>
/// <param name="Threads">Those that ONNX Runtime computed with; 0: as many as it chose.</param>
/// <param name="ModelHash">SHA-256 of model.json.</param>
internal sealed record BenchEnvironment(
    string Processor, int Cores, int Threads, string Provider, string OperatingSystem, string DotNet, string OnnxRuntime,
    string Model, string ModelHash, DateTimeOffset Measured);
