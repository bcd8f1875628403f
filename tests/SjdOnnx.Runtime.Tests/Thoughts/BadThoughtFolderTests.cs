using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests.Thoughts;

public class BadThoughtFolderTests
{
    [ThoughtTheory]
    [InlineData("iterations", "-1", "thought.iterations is -1; it must be at least 0")]
    [InlineData("iterations", "2000", "thought.iterations is 2000; it must be at least 0 and at most 1024")]
    [InlineData("latents", "0", "thought.latents is 0; it must be at least 1")]
    [InlineData("stop", "[]", "thought.stop's length is 0")]
    [InlineData("stop", "[5000]", "thought.stop is 5000; it must be at least 0 and at most 309")]
    [InlineData("begin", "-1", "thought.begin is -1")]
    [InlineData("answerPrompt", "\"\"", "thought.answerPrompt is empty")]
    [InlineData("graph", "\"../thought.fp32.onnx\"", "without a path")]
    [InlineData("graph", "\"other.onnx\"", "the graph 'other.onnx' is not among files")]
    [InlineData("layers", "3", "has no input 'past.2.key'")]
    [InlineData("layers", "1", "has another input 'past.1.key'")]
    [InlineData("kvHeads", "8", "expected [1, ?, 8, 16]")]
    [InlineData("hidden", "65", "expected [1, ?, 65]")]
    [InlineData("vocabulary", "311", "expected [1, ?, 311]")]
    [InlineData("maxPositions", "65", "model.json says thought.maxPositions 65; thought.fp32.onnx has 64 positions")]
    [InlineData("maxAnswer", "0", "thought.maxAnswer is 0")]
    [InlineData("surprise", "1", "surprise")]
    public async Task A_wrong_field_ends_in_a_sentence(string field, string value, string expected)
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        copy.Edit(manifest => manifest["thought"]![field] = JsonNode.Parse(value));
        Assert.Contains(expected, await ThoughtTestModel.LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task A_missing_field_ends_in_a_sentence()
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        copy.Edit(static manifest => manifest["thought"]!.AsObject().Remove("latents"));
        Assert.Contains("latents", await ThoughtTestModel.LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task Another_tokenizer_ends_in_a_sentence()
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        copy.Edit(static manifest => manifest["tokenizer"]!["kind"] = "tiktoken");
        Assert.Contains("tokenizer.kind is 'tiktoken'", await ThoughtTestModel.LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task Ids_of_text_past_the_embedding_end_in_a_sentence()
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        string vocabulary = await File.ReadAllTextAsync(copy.PathOf("tokenizer.vocabulary.json"));
        copy.Replace("tokenizer.vocabulary.json", System.Text.Encoding.UTF8.GetBytes(vocabulary.Replace("\"The\":257", "\"The\":999")));
        Assert.Contains("The tokenizer has the id 999", await ThoughtTestModel.LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [ThoughtTheory]
    [InlineData("thought.fp32.data")]
    [InlineData("thought.fp32.onnx")]
    [InlineData("tokenizer.merges.txt")]
    public async Task A_missing_file_ends_in_a_sentence(string name)
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        File.Delete(copy.PathOf(name));
        Assert.Contains($"has no {name}", await ThoughtTestModel.LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task Changed_weights_end_in_a_sentence()
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        string path = copy.OwnFile("thought.fp32.data");
        byte[] bytes = await File.ReadAllBytesAsync(path);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Contains(
            "thought.fp32.data is not the file model.json describes", await ThoughtTestModel.LoadFailsAsync(copy.Folder),
            StringComparison.Ordinal);
    }

    [ThoughtFact]
    public async Task Weights_that_are_no_numbers_end_every_question_in_a_sentence()
    {
        using var copy = new ModelCopy(ThoughtTestModel.Folder);
        byte[] bytes = await File.ReadAllBytesAsync(copy.PathOf("thought.fp32.data"));
        bytes.AsSpan(bytes.Length / 2, 4096).Fill(0xFF); // NaN
        copy.Replace("thought.fp32.data", bytes);
        using ThoughtModel model = await ThoughtTestModel.LoadAsync(copy.Folder);
        foreach (ThoughtMode mode in Enum.GetValues<ThoughtMode>())
        {
            var error = await Assert.ThrowsAsync<InferenceException>(
                () => model.AnswerAsync("3+5*2", new ThoughtOptions { Mode = mode }));
            Messages.AssertReadable(error);
            Assert.Contains("The model is damaged", error.Message, StringComparison.Ordinal);
        }
    }

    [ThoughtFact]
    public async Task A_model_of_another_kind_names_the_command_for_it()
    {
        if (TestModel.Folder is { } images)
            Assert.Contains("'sjd generate'", await ThoughtTestModel.LoadFailsAsync(images), StringComparison.Ordinal);
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(ThoughtTestModel.Folder!).Dispose());
        Assert.Contains("'sjd think'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_ends_in_a_sentence() => Assert.Contains(
        "There is no model folder", await ThoughtTestModel.LoadFailsAsync(Path.Combine(Path.GetTempPath(), "no-such-model")),
        StringComparison.Ordinal);
}
