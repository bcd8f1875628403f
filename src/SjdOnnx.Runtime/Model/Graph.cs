using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace SjdOnnx.Runtime.Model;

/// <summary>The inputs and outputs a graph itself declares, to be compared with what model.json says.</summary>
/// <param name="file">Name of the graph's file, for the sentences.</param>
internal sealed class Graph(
    string file, IReadOnlyDictionary<string, NodeMetadata> inputs, IReadOnlyDictionary<string, NodeMetadata> outputs)
{
    private readonly HashSet<string> _unspoken = [.. inputs.Keys];

    /// <summary>Any length.</summary>
    public const int Any = -1;

    /// <param name="fact">What model.json says that makes this input necessary, as in "32 layers".</param>
    public void RequireInput(string fact, string name, TensorElementType type, params int[] shape)
    {
        _unspoken.Remove(name);
        Require(fact, "input", inputs, name, type, shape);
    }

    /// <inheritdoc cref="RequireInput"/>
    public void RequireOutput(string fact, string name, TensorElementType type, params int[] shape) =>
        Require(fact, "output", outputs, name, type, shape);

    /// <summary>An input that nobody feeds would fail in the first Run, in ONNX Runtime's words.</summary>
    public void RequireNoOtherInput(string fact)
    {
        if (_unspoken.Order(StringComparer.Ordinal).FirstOrDefault() is string name)
            throw new ModelException(
                $"model.json says {fact}; {file} has another input '{name}' that these do not explain. {ModelFolder.Remedy}");
    }

    private void Require(
        string fact, string kind, IReadOnlyDictionary<string, NodeMetadata> nodes, string name, TensorElementType type, int[] shape)
    {
        if (!nodes.TryGetValue(name, out NodeMetadata? node))
            throw new ModelException($"model.json says {fact}; {file} has no {kind} '{name}'. {ModelFolder.Remedy}");
        if (!node.IsTensor || node.ElementDataType != type)
            throw new ModelException(
                $"model.json says {fact}; {kind} '{name}' of {file} is {Type(node)}, expected {type}. {ModelFolder.Remedy}");
        if (!Fits(node.Dimensions, shape, kind))
            throw new ModelException(
                $"model.json says {fact}; {kind} '{name}' of {file} has shape {Shape(node.Dimensions)}, expected {Shape(shape)}. " +
                $"{ModelFolder.Remedy}");
    }

    /// <summary>A length that either side leaves open fits. So does an output of unknown shape, which looks like a scalar here.</summary>
    private static bool Fits(int[] actual, int[] expected, string kind)
    {
        if (actual.Length != expected.Length)
            return actual.Length == 0 && kind == "output";
        for (var i = 0; i < actual.Length; i++)
        {
            if (actual[i] != expected[i] && actual[i] >= 0 && expected[i] != Any)
                return false;
        }
        return true;
    }

    private static string Type(NodeMetadata node) => node.IsTensor ? node.ElementDataType.ToString() : node.OnnxValueType.ToString();

    private static string Shape(int[] shape) => $"[{string.Join(", ", shape.Select(length => length < 0 ? "?" : $"{length}"))}]";
}
