using System.Text;
using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// A copy of the model whose graphs fail in a Run if the prompt has the word "a": that word's token has an id that the embedding does not
/// have, and the graphs' metadata pretends that it does.
/// </summary>
internal sealed class FailingModel : IDisposable
{
    private const string Vocabulary = "tokenizer.vocabulary.json";
    private static readonly byte[] Key = [.. "sjdonnx.ids"u8, 0x12, 4]; // and a value of four digits
    private readonly ModelCopy _copy = new();

    public FailingModel()
    {
        foreach (string graph in Directory.GetFiles(_copy.Folder, "transformer.*.onnx"))
        {
            byte[] bytes = File.ReadAllBytes(graph);
            int key = bytes.AsSpan().IndexOf(Key);
            Assert.True(key >= 0, $"{graph} has no metadata sjdonnx.ids of four digits.");
            "9999"u8.CopyTo(bytes.AsSpan(key + Key.Length));
            _copy.Replace(Path.GetFileName(graph), bytes);
        }

        JsonObject vocabulary = JsonNode.Parse(File.ReadAllText(_copy.PathOf(Vocabulary)))!.AsObject();
        Assert.True(vocabulary.ContainsKey("a"));
        vocabulary["a"] = 5000;
        _copy.Replace(Vocabulary, Encoding.UTF8.GetBytes(vocabulary.ToJsonString()));
    }

    public static GenerationRequest Good { get; } = new() { Prompt = "fox", Seed = 3 };

    public static GenerationRequest Bad { get; } = new() { Prompt = "a fox", Seed = 3 };

    public string Folder => _copy.Folder;

    public TextToImageOptions Options { get; } = new()
    {
        Precision = Precision.Fp32,
        Threads = 1,
        HashVerification = HashVerification.None,
    };

    public TextToImage Load() => TextToImage.Load(Folder, Options);

    public void Dispose() => _copy.Dispose();
}
