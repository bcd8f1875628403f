using System.Text.Json.Nodes;
using SjdOnnx.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

public class FlowLoadTests
{
    [ModelFact]
    public async Task Models_of_other_kinds_end_in_a_sentence_that_names_their_command()
    {
        Assert.Contains("Use 'sjd generate'", await Refused(TestModel.Folder!), StringComparison.Ordinal);
        ModelException error = await Assert.ThrowsAsync<ModelException>(() => TextToImage.LoadAsync(Shapes.Folder));
        Assert.Contains("This is a flow", error.Message, StringComparison.Ordinal);
        Assert.Contains("Use 'sjd flow', or FlowModel", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("side", "31", "flow.side is 31; it must be a multiple of flow.patch, 2")]
    [InlineData("side", "1", "flow.side is 1; it must be at least 2")]
    [InlineData("patch", "0", "flow.patch is 0")]
    [InlineData("patch", "4", "flow.0.onnx")]
    [InlineData("layers", "2", "flow.0.onnx")]
    [InlineData("layers", "4", "flow.0.onnx")]
    [InlineData("heads", "2", "flow.0.onnx")]
    [InlineData("noise", "1.5", "flow.noise is 1.5")]
    [InlineData("classes", "[\"a\", \"a\"]", "flow.classes has a name twice")]
    [InlineData("blocks", "[]", "flow.blocks' length is 0")]
    [InlineData("other", "1", "other")]
    public async Task A_wrong_field_of_model_json_is_named(string field, string value, string because)
    {
        using var copy = new ModelCopy(Shapes.Folder);
        copy.Edit(manifest => manifest["flow"]![field] = JsonNode.Parse(value));
        Assert.Contains(because, await Refused(copy.Folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damaged_files_are_named()
    {
        using (var copy = new ModelCopy(Shapes.Folder))
        {
            File.Delete(copy.PathOf("flow.2.data"));
            Assert.Contains("has no flow.2.data", await Refused(copy.Folder), StringComparison.Ordinal);
        }

        using (var copy = new ModelCopy(Shapes.Folder))
        {
            byte[] weights = File.ReadAllBytes(copy.PathOf("flow.1.data"));
            weights[1000] ^= 1;
            Replace(copy, "flow.1.data", weights);
            Assert.Contains("flow.1.data is not the file model.json describes", await Refused(copy.Folder), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{", "plan.json in the model folder cannot be used: The plan is not legal")]
    [InlineData("{\"blocks\": [{}]}", "The plan has 1 blocks; the model has 4")]
    public async Task A_wrong_plan_beside_the_model_is_named(string json, string because)
    {
        using var copy = new ModelCopy(Shapes.Folder);
        File.Delete(copy.PathOf("plan.json"));
        File.WriteAllText(copy.PathOf("plan.json"), json);
        Assert.Contains(because, await Refused(copy.Folder), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_plan_beside_the_model_is_used_unless_the_caller_has_another()
    {
        using var copy = new ModelCopy(Shapes.Folder);
        File.Delete(copy.PathOf("plan.json"));
        FlowPlan plan = FlowPlan.All(4, new BlockPlan { Segments = 1, MaxUpdates = 2 });
        File.WriteAllText(copy.PathOf("plan.json"), FlowPlanText.Format(plan));
        await using FlowModel model = await FlowModel.LoadAsync(copy.Folder);
        Assert.Equal(plan.Blocks, model.Plan!.Blocks);
        Assert.Equal(8, (await model.SampleAsync()).Calls);
        Assert.Equal(4, (await model.SampleAsync(
            new FlowOptions { Plan = FlowPlan.All(4, new BlockPlan { MaxUpdates = 1 }) })).Calls);
    }

    [Fact]
    public async Task Weights_that_are_not_numbers_end_in_a_sentence_that_names_the_block()
    {
        using var copy = new ModelCopy(Shapes.Folder);
        byte[] weights = File.ReadAllBytes(copy.PathOf("flow.3.data"));
        for (int i = 0; i < weights.Length; i += sizeof(float))
            BitConverter.TryWriteBytes(weights.AsSpan(i), float.NaN);
        Replace(copy, "flow.3.data", weights);
        await using FlowModel model = await FlowModel.LoadAsync(
            copy.Folder, new ModelLoadOptions { HashVerification = HashVerification.None });
        foreach (int segments in (int[])[0, 1, 8])
        {
            FlowPlan plan = FlowPlan.All(4, new BlockPlan { Segments = segments });
            InferenceException error = await Assert.ThrowsAsync<InferenceException>(
                () => model.SampleAsync(new FlowOptions { Plan = plan }));
            Assert.StartsWith("Block 3 overflowed at token 2 of 256", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_loaded_model_describes_itself()
    {
        await using FlowModel model = await FlowModel.LoadAsync(Shapes.Folder);
        FlowModelDescription description = model.Description;
        Assert.Equal(("shapes", "tarflow", 32, 256, 12, 4), (
            description.Name, description.Family, description.Side, description.Tokens, description.Channels, description.Blocks));
        Assert.Equal(["disk", "ring", "square", "triangle", "star", "heart", "cross", "moon"], description.Classes);
        Assert.Equal(0.1f, description.Noise);
        Assert.Equal("MIT", description.License);
        Assert.Null(LicenseNotice.Take(description, cacheFolder: ""));
    }

    private static async Task<string> Refused(string folder) =>
        (await Assert.ThrowsAsync<ModelException>(() => FlowModel.LoadAsync(folder))).Message;

    /// <summary>Replaces a file, which other copies may share.</summary>
    private static void Replace(ModelCopy copy, string name, byte[] bytes)
    {
        File.Delete(copy.PathOf(name));
        File.WriteAllBytes(copy.PathOf(name), bytes);
    }
}
