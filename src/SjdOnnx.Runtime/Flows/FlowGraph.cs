using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Flows;

/// <summary>The names of the inputs and outputs of a block's graph, and the check at load that it agrees with model.json.</summary>
internal static class FlowGraph
{
    public const string Tokens = "tokens";
    public const string Positions = "positions";
    public const string Class = "class";
    public const string InverseTemperature = "inverse_temperature";
    public const string SeqLensK = "seqlens_k";
    public const string TotalSequenceLength = "total_sequence_length";
    public const string Scale = "scale";
    public const string Shift = "shift";

    public const string NoiseGradient = "noise_gradient";
    public const string TokensGradient = "tokens_gradient";

    public static readonly string[] Kinds = ["key", "value"];

    public static string Past(int layer, string kind) => $"past.{layer}.{kind}";

    public static string Present(int layer, string kind) => $"present.{layer}.{kind}";

    /// <exception cref="ModelException">An input or output is missing, has another shape, or is one too many.</exception>
    public static void Check(Session session, FlowSection flow)
    {
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        string patches = $"patches of {flow.Patch}x{flow.Patch} pixels";
        graph.RequireInput(patches, Tokens, TensorElementType.Float, 1, Graph.Any, flow.Channels);
        graph.RequireInput("a flow", Positions, TensorElementType.Int64, Graph.Any);
        graph.RequireInput("a flow", Class, TensorElementType.Int64, 1);
        graph.RequireInput("a flow", InverseTemperature, TensorElementType.Float, 1);
        graph.RequireInput("a flow", SeqLensK, TensorElementType.Int32, 1);
        graph.RequireInput("a flow", TotalSequenceLength, TensorElementType.Int32);
        string cache = $"{flow.Layers} layers with {flow.Heads} heads of {flow.HeadDim}";
        int[] shape = [1, flow.Heads, Graph.Any, flow.HeadDim];
        for (int layer = 0; layer < flow.Layers; layer++)
        {
            foreach (string kind in Kinds)
            {
                graph.RequireInput(cache, Past(layer, kind), TensorElementType.Float, shape);
                graph.RequireOutput(cache, Present(layer, kind), TensorElementType.Float, shape);
            }
        }

        foreach (string output in (string[])[Scale, Shift])
            graph.RequireOutput(patches, output, TensorElementType.Float, 1, Graph.Any, flow.Channels);
        graph.RequireNoOtherInput(cache);
    }

    /// <exception cref="ModelException">An input or output is missing, has another shape, or is one too many.</exception>
    public static void CheckGradient(Session session, FlowSection flow)
    {
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        string tokens = $"{flow.Tokens} tokens of {flow.Channels} numbers";
        int[] shape = [1, flow.Tokens, flow.Channels];
        graph.RequireInput(tokens, Tokens, TensorElementType.Float, shape);
        graph.RequireInput(tokens, Class, TensorElementType.Int64, 1);
        graph.RequireInput(tokens, NoiseGradient, TensorElementType.Float, shape);
        graph.RequireOutput(tokens, TokensGradient, TensorElementType.Float, shape);
        graph.RequireNoOtherInput(tokens);
    }
}
