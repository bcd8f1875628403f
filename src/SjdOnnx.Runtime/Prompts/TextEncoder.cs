using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Prompts;

/// <summary>A model that turns a prompt's tokens into vectors for the transformer.</summary>
internal sealed class TextEncoder(Session session, NativeTensors tensors) : IDisposable
{
    private static readonly string[] Outputs = [GraphContract.Condition];

    /// <summary>Returns the vectors of the prompt, then as many of the empty prompt.</summary>
    /// <returns>[2 · ids × hidden], row by row.</returns>
    public float[] Encode(IReadOnlyList<int> ids, CancellationToken cancellation)
    {
        using NativeTensor input = tensors.Over(ids.Select(static id => (long)id).ToArray(), 1, ids.Count);
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(GraphContract.Ids, input.Value, Outputs, cancellation);
        using NativeTensor condition = tensors.Own(outputs[0]);
        return condition.Value.GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose() => session.Dispose();
}
