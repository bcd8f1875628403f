using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>Text to token ids, nothing added. No text can spell a token that is not text.</summary>
internal sealed class Tokenizer(Session session, NativeTensors tensors) : IDisposable
{
    public int[] Encode(string text, CancellationToken cancellation)
    {
        // To the operator a string ends at U+0000: left in, it would silently take the rest of the prompt with it.
        using NativeTensor input = tensors.Text(text.Replace('\0', ' '));
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(GraphContract.Text, input.Value, [GraphContract.Ids], cancellation);
        using NativeTensor ids = tensors.Own(outputs[0]);
        return Array.ConvertAll(ids.Value.GetTensorDataAsSpan<long>().ToArray(), id => checked((int)id));
    }

    public void Dispose() => session.Dispose();
}
