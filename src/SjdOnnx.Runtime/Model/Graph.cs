using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace SjdOnnx.Runtime.Model;

/// <summary>The inputs and outputs that a graph declares, for comparison with model.json.</summary>
/// <param name="file">The name of the graph's file, for error messages.</param>
internal sealed class Graph(
    string file, IReadOnlyDictionary<string, NodeMetadata> inputs, IReadOnlyDictionary<string, NodeMetadata> outputs)
{
    private readonly HashSet<string> _unspoken = [.. inputs.Keys];

    /// <summary>Stands for any length in a shape.</summary>
    public const int Any = -1;

    /// <param name="fact">The fact in model.json that requires this input, such as "32 layers".</param>
    public void RequireInput(string fact, string name, TensorElementType type, params int[] shape)
    {
        _unspoken.Remove(name);
        Require(fact, "input", inputs, name, type, shape);
    }

    /// <inheritdoc cref="RequireInput"/>
    public void RequireOutput(string fact, string name, TensorElementType type, params int[] shape) =>
        Require(fact, "output", outputs, name, type, shape);

    /// <summary>Refuses all other inputs. Nobody would feed them, and the first run would fail with an error of ONNX Runtime.</summary>
    public void RequireNoOtherInput(string fact)
    {
        if (_unspoken.Order(StringComparer.Ordinal).FirstOrDefault() is string name)
            throw new ModelException(
                $"model.json says {fact}; {file} has another input '{name}' that these do not explain. {ModelException.Remedy}");
    }

    private void Require(
        string fact, string kind, IReadOnlyDictionary<string, NodeMetadata> nodes, string name, TensorElementType type, int[] shape)
    {
        if (!nodes.TryGetValue(name, out NodeMetadata? node))
            throw new ModelException($"model.json says {fact}; {file} has no {kind} '{name}'. {ModelException.Remedy}");
        if (!node.IsTensor || node.ElementDataType != type)
            throw new ModelException(
                $"model.json says {fact}; {kind} '{name}' of {file} is {Type(node)}, expected {type}. {ModelException.Remedy}");
        if (!Fits(node.Dimensions, shape, kind))
            throw new ModelException(
                $"model.json says {fact}; {kind} '{name}' of {file} has shape {Shape(node.Dimensions)}, expected {Shape(shape)}. " +
                $"{ModelException.Remedy}");
    }

    /// <summary>A length that either side leaves open fits. An output of unknown shape fits too; it looks like a scalar here.</summary>
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
