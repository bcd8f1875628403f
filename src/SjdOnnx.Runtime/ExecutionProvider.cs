using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime;

/// <summary>Where the graphs run: an execution provider of ONNX Runtime.</summary>
[JsonConverter(typeof(ExecutionProviderJson))]
public enum ExecutionProvider
{
    /// <summary>The processor; <c>cpu</c> in text.</summary>
    Cpu,

    /// <summary>NVIDIA GPUs through CUDA; <c>cuda</c> in text.</summary>
    Cuda,

    /// <summary>NVIDIA GPUs through TensorRT, with CUDA for the nodes that TensorRT does not take; <c>tensorrt</c> in text.</summary>
    TensorRt,

    /// <summary>DirectX 12 GPUs on Windows; <c>dml</c> in text.</summary>
    DirectMl,
}

/// <summary>Execution providers in text.</summary>
public static class ExecutionProviders
{
    private static readonly string[] All = ["cpu", "cuda", "tensorrt", "dml"];

    /// <summary>The names of all providers.</summary>
    public static IReadOnlyList<string> Names => All;

    /// <summary>The provider in text, such as <c>cpu</c>.</summary>
    public static string Name(this ExecutionProvider provider) => All[(int)provider];

    /// <summary>Reads a name.</summary>
    /// <exception cref="FormatException">There is no provider of that name.</exception>
    public static ExecutionProvider Parse(string name) => TryParse(name, out ExecutionProvider provider)
        ? provider
        : throw new FormatException($"There is no provider '{name}'; choose one of {string.Join(", ", All)}.");

    /// <inheritdoc cref="Parse"/>
    /// <returns>Whether there is a provider of that name.</returns>
    public static bool TryParse([NotNullWhen(true)] string? name, out ExecutionProvider provider)
    {
        int index = Array.IndexOf(All, name);
        provider = (ExecutionProvider)Math.Max(0, index);
        return index >= 0;
    }
}
