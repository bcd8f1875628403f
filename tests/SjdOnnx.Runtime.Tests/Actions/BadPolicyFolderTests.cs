using System.Text.Json.Nodes;
using SjdOnnx.Actions;

namespace SjdOnnx.Runtime.Tests.Actions;

public class BadPolicyFolderTests
{
    [Theory]
    [InlineData("vision.side", "0", "vision.side is 0; it must be at least 1")]
    [InlineData("vision.side", "33", "policy.vision.onnx")]
    [InlineData("vision.patches", "15", "policy.vision.onnx")]
    [InlineData("vision.keptArea", "1.5", "vision.keptArea is 1.5; it must be above 0 and at most 1")]
    [InlineData("vision.graph", "\"../policy.vision.onnx\"", "without a path")]
    [InlineData("transformer.layers", "2", "has another input")]
    [InlineData("transformer.layers", "4", "has no input")]
    [InlineData("transformer.kvHeads", "8", "policy.fp32.onnx")]
    [InlineData("transformer.headDim", "16", "policy.fp32.onnx")]
    [InlineData("transformer.hidden", "64", "128")]
    [InlineData("transformer.vocabulary", "641", "policy.fp32.onnx")]
    [InlineData("transformer.vocabulary", "255", "transformer.vocabulary is 255")]
    [InlineData("transformer.maxPositions", "38", "transformer.maxPositions is 38")]
    [InlineData("transformer.defaultPrecision", "\"int4\"", "transformer.defaultPrecision is 'int4'")]
    [InlineData("prompt.text", "\"{image} Go.\"", "prompt.text must have {instruction} once")]
    [InlineData("prompt.begin", "640", "prompt.begin is 640")]
    [InlineData("actions.chunk", "0", "actions.chunk is 0")]
    [InlineData("actions.endOfBins", "255", "actions.endOfBins is 255")]
    [InlineData("actions.bins", "128", "actions.bins is 128; it must be 256")]
    [InlineData("actions.gripper", "\"other\"", "actions.gripper is 'other'; it can be none or libero")]
    [InlineData("actions.world", "\"kitchen\"", "actions.world is 'kitchen'")]
    [InlineData("actions.low", "[0.12, -0.12, -0.5, 0]", "Dimension 0 is from 0.12 to 0.12")]
    [InlineData("actions.mask", "[true]", "There are 4 lows, 4 highs and 1 masks")]
    [InlineData("actions.surprise", "1", "surprise")]
    public async Task A_wrong_field_ends_in_a_sentence(string field, string value, string expected)
    {
        using var copy = new ModelCopy(Reach.Folder);
        string[] path = field.Split('.');
        copy.Edit(manifest => manifest[path[0]]![path[1]] = JsonNode.Parse(value));
        Assert.Contains(expected, await LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_field_that_is_there_twice_ends_in_a_sentence()
    {
        using var copy = new ModelCopy(Reach.Folder);
        string path = copy.OwnFile("model.json");
        string json = await File.ReadAllTextAsync(path);
        string twice = json.Replace("\"chunk\":", "\"chunk\": 4, \"chunk\":", StringComparison.Ordinal);
        Assert.NotEqual(json, twice);
        await File.WriteAllTextAsync(path, twice);
        Assert.Contains("chunk", await LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("policy.fp32.data")]
    [InlineData("policy.vision.onnx")]
    [InlineData("tokenizer.merges.txt")]
    public async Task A_missing_file_ends_in_a_sentence(string name)
    {
        using var copy = new ModelCopy(Reach.Folder);
        File.Delete(copy.PathOf(name));
        Assert.Contains($"has no {name}", await LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("policy.fp32.data")]
    [InlineData("policy.fp32.onnx")]
    [InlineData("policy.vision.data")]
    [InlineData("tokenizer.vocabulary.json")]
    public async Task A_truncated_file_ends_in_a_sentence(string name)
    {
        using var copy = new ModelCopy(Reach.Folder);
        await using (FileStream file = File.OpenWrite(copy.OwnFile(name)))
            file.SetLength(file.Length / 2);
        Assert.Contains(name, await LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Changed_weights_end_in_a_sentence()
    {
        using var copy = new ModelCopy(Reach.Folder);
        string path = copy.OwnFile("policy.vision.data");
        byte[] bytes = await File.ReadAllBytesAsync(path);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Contains(
            "policy.vision.data is not the file model.json describes", await LoadFailsAsync(copy.Folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("policy.fp32.data")]
    [InlineData("policy.vision.data")]
    public async Task Weights_that_are_no_numbers_end_every_answer_in_a_sentence(string name)
    {
        using var copy = new ModelCopy(Reach.Folder);
        byte[] bytes = await File.ReadAllBytesAsync(copy.PathOf(name));
        bytes.AsSpan(bytes.Length / 2, 4096).Fill(0xFF); // NaN
        copy.Replace(name, bytes);
        using PolicyModel model = await Reach.LoadAsync(copy.Folder);
        (RgbImage picture, string instruction) = Reach.See(0);
        foreach (ActionWay way in Enum.GetValues<ActionWay>())
        {
            var error = Assert.Throws<InferenceException>(
                () => model.Act(picture, instruction, new ActionDecoding { Way = way }));
            Messages.AssertReadable(error);
            Assert.Contains("not a finite number", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Models_of_other_kinds_end_in_a_sentence_that_names_their_command()
    {
        foreach ((string name, string command) in new[] { ("emoji", "'sjd generate'"), ("shapes", "'sjd flow'"), ("sums", "'sjd think'") })
            Assert.Contains($"Use {command}", await LoadFailsAsync(TestModel.InRepository(name)!), StringComparison.Ordinal);
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(Reach.Folder).Dispose());
        Assert.Contains("Use 'sjd act', or PolicyModel", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_precision_that_the_model_has_not_is_named()
    {
        var error = await Assert.ThrowsAsync<ModelException>(
            () => PolicyModel.LoadAsync(Reach.Folder, new PolicyLoadOptions { Precision = Precision.Parse("int4"), CacheFolder = "" }));
        Messages.AssertReadable(error);
        Assert.Contains("has no precision 'int4'; it has fp32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_ends_in_a_sentence() => Assert.Contains(
        "There is no model folder", await LoadFailsAsync(Path.Combine(Path.GetTempPath(), "no-such-model")), StringComparison.Ordinal);

    private static async Task<string> LoadFailsAsync(string folder)
    {
        var error = await Assert.ThrowsAsync<ModelException>(async () => (await Reach.LoadAsync(folder)).Dispose());
        Messages.AssertReadable(error);
        return error.Message;
    }
}
