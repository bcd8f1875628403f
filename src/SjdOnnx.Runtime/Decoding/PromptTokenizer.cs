using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>The user's words as token ids, between those the model wants around them.</summary>
internal sealed class PromptTokenizer(Session session, PromptSection section, NativeTensors tensors) : IDisposable
{
    private readonly int[] _unconditional = [.. section.Unconditional.Select(part => part.Id!.Value)];

    /// <summary>The prompt without words.</summary>
    public IReadOnlyList<int> Unconditional => _unconditional;

    /// <exception cref="RequestException">There are no words, or more than the model reads.</exception>
    public Prompt Read(string text, CancellationToken cancellation)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new RequestException("The prompt is empty. Say in words what the picture shows.");

        // To the operator a string ends at U+0000: left in, it would silently take the rest of the prompt with it.
        text = text.Replace('\0', ' ');
        int[] words = Tokenize(section.Template.Replace("{prompt}", text, StringComparison.Ordinal), cancellation);
        if (words.Length > section.MaxTokens)
        {
            throw new RequestException(string.Create(CultureInfo.InvariantCulture,
                $"The prompt has {words.Length:N0} tokens; this model reads at most {section.MaxTokens:N0}. Say it in fewer words."));
        }
        return new Prompt([.. section.Conditional.SelectMany(part => part.Id is int id ? [id] : words)], _unconditional);
    }

    public void Dispose() => session.Dispose();

    private int[] Tokenize(string text, CancellationToken cancellation)
    {
        using NativeTensor input = tensors.Text(text);
        using IDisposableReadOnlyCollection<OrtValue> outputs =
            session.Run(GraphContract.Text, input.Value, [GraphContract.Ids], cancellation);
        using NativeTensor ids = tensors.Own(outputs[0]);
        return Array.ConvertAll(ids.Value.GetTensorDataAsSpan<long>().ToArray(), id => checked((int)id));
    }
}
