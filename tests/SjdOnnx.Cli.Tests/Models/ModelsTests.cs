using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Models;

public class ModelsTests
{
    [ModelFact]
    public async Task A_model_is_shown_with_its_license()
    {
        using var sjd = new Sjd();

        Finished text = await sjd.RunAsync("models", "show", TestModel.Folder!);
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        string[] lines = text.Output.TrimEnd('\n').Split('\n');
        Assert.Contains("license: MIT", lines);
        Assert.Contains(lines,
            line => line.StartsWith("tokens: codes 4 to 1027, after each row 1030, at the end 1028", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("prompt: 0 \"{prompt}\" ", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.StartsWith("negative prompt:", StringComparison.Ordinal));

        JsonElement json = JsonElement.Parse((await sjd.RunAsync("models", "show", TestModel.Folder!, "--json")).Output);
        Assert.Equal(
            ["name", "family", "folder", "license", "license_notice", "commercial_use", "sizes", "pixels_per_code", "codes", "layout",
                "layers", "lanes", "precisions",
                "default_precision", "batches", "prompt", "unconditional", "max_prompt_tokens", "negative_prompt", "cleaning", "guidance",
                "temperature", "top_k",
                "top_p", "method", "window", "initialization", "sequential_first", "sequential_last", "denoising_steps", "bytes"],
            json.EnumerateObject().Select(member => member.Name));
        Assert.True(json.GetProperty("commercial_use").GetBoolean());
        Assert.InRange(json.GetProperty("bytes").GetInt64(), 1_000_000, 60_000_000);
    }

    [DenoisingFact]
    public async Task A_model_that_reads_noise_says_so()
    {
        using var sjd = new Sjd();
        Finished text = await sjd.RunAsync("models", "show", TestModel.DenoisingFolder!);
        Assert.Contains("denoising: fine-tuned to read noise; 1 step by default\n", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("denoising:", (await sjd.RunAsync("models", "show", TestModel.Folder!)).Output, StringComparison.Ordinal);

        JsonElement json = JsonElement.Parse((await sjd.RunAsync("models", "show", TestModel.DenoisingFolder!, "--json")).Output);
        Assert.Equal(1, json.GetProperty("denoising_steps").GetInt32());
    }

    [ModelTheory]
    [InlineData("shapes", "kind: flow, for sjd flow", "images: 32x32 pixels, 256 tokens of 12 numbers",
        "classes: disk, ring, square, triangle, star, heart, cross, moon")]
    [InlineData("sums", "kind: thought, for sjd think", "thoughts: 6 of 64 numbers, updated 3 times",
        "tokens: 64 at most with question and thoughts, 10 of an answer")]
    [InlineData("reach", "kind: policy, for sjd act", "picture: 32x32 pixels, 16 tokens",
        "actions: 5 at once of 4 numbers each, in the ranges of reach")]
    public async Task A_model_that_does_not_draw_images_from_text_is_shown_with_what_it_does(string name, params string[] expected)
    {
        using var sjd = new Sjd();
        string folder = TestModel.InRepository(name)!;

        Finished text = await sjd.RunAsync("models", "show", folder);
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        string[] lines = text.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(["name", "family", "kind", "folder", "license", "notice"], lines[..6].Select(static line => line.Split(':')[0]));
        Assert.Empty(expected.Except(lines));
        Assert.Contains("license: MIT", lines);
        Assert.Matches(@"^files: [1-9]?\d\.\d MB$|^files: 0\.[1-9] MB$", lines[^1]);

        JsonElement json = JsonElement.Parse((await sjd.RunAsync("models", "show", folder, "--json")).Output);
        Assert.Equal(
            ["name", "family", "kind", "command", "folder", "license", "license_notice", "commercial_use"],
            json.EnumerateObject().Take(8).Select(static member => member.Name));
        Assert.Equal(name, json.GetProperty("name").GetString());
        long bytes = Directory.GetFiles(folder).Where(static file => Path.GetFileName(file) is not ("model.json" or "plan.json")).Sum(
            static file => new FileInfo(file).Length);
        Assert.Equal(bytes, json.GetProperty("bytes").GetInt64());
        Assert.Equal(Settings(name), json.EnumerateObject().Skip(8).SkipLast(1).Select(static member => member.Name));

        static string[] Settings(string name) => name switch
        {
            "shapes" => ["side", "tokens", "channels", "blocks", "classes", "noise", "plan"],
            "sums" => ["latents", "iterations", "width", "max_positions", "max_answer"],
            _ => ["precisions", "default_precision", "side", "patches", "prompt", "dataset", "dimensions", "chunk", "built_in_task"],
        };
    }

    [ModelFact]
    public async Task A_model_of_another_kind_that_lacks_a_file_is_not_shown()
    {
        using var sjd = new Sjd();
        CopyModel("reach", sjd.PathOf("model"), _ => { });
        File.Delete(sjd.PathOf("model/policy.vision.data"));
        (await sjd.RunAsync("models", "show", "./model")).AssertFailed(ExitCode.Model, "has no policy.vision.data");
    }

    [ModelTheory]
    [InlineData("shapes", "flow", "-o", "a.png")]
    [InlineData("sums", "think", "3+5")]
    [InlineData("reach", "act", "--episodes", "1")]
    public async Task Commands_for_other_kinds_show_a_license_with_conditions_once(string name, params string[] arguments)
    {
        using var sjd = new Sjd { Cache = "cache" };
        CopyModel(name, sjd.PathOf("model"), manifest => manifest["license"] = new JsonObject
        {
            ["id"] = "some-research",
            ["notice"] = "Made from things of others.",
            ["commercial"] = false,
        });

        string notice = $"The model {name} is under the license some-research. Not for commercial use. Made from things of others.";
        Finished first = await sjd.RunAsync([.. arguments, "--model", "./model"]);
        Assert.Contains(notice, first.Error, StringComparison.Ordinal);
        Finished second = await sjd.RunAsync([.. arguments, "--model", "./model"]);
        Assert.Equal(0, second.ExitCode);
        Assert.DoesNotContain(notice, second.Error, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task Models_are_listed_and_folders_that_are_no_models_are_named()
    {
        using var sjd = new Sjd();
        Directory.CreateDirectory(sjd.PathOf("onnx-models/empty"));
        Directory.CreateDirectory(sjd.PathOf("onnx-models/broken"));
        File.WriteAllText(sjd.PathOf("onnx-models/broken/model.json"), "{}");
        CopyModel(sjd.PathOf("onnx-models/painter"), manifest => manifest["name"] = "painter");

        Finished list = await sjd.RunAsync("models", "--json");
        Assert.Equal(0, list.ExitCode);
        Assert.Contains("broken: model.json has no field \"format\"", list.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("empty", list.Error, StringComparison.Ordinal);
        string[] names = [.. JsonElement.Parse(list.Output).EnumerateArray().Select(model => model.GetProperty("name").GetString()!)];
        Assert.Contains("painter", names);
        Assert.Empty(new[] { "emoji", "shapes", "sums", "reach" }.Except(names));

        Finished table = await sjd.RunAsync("models");
        Assert.Contains("| painter ", table.Output, StringComparison.Ordinal);
        Assert.Matches(@"\| shapes +\| tarflow +\| flow +\|", table.Output);
    }

    [ModelFact]
    public async Task Precisions_are_compared_with_the_finest_one()
    {
        using var sjd = new Sjd();
        Finished json = await sjd.RunAsync("models", "compare", TestModel.Folder!, "--prompt", "a fox", "--json");
        Assert.True(json.ExitCode == 0, json.Error);
        JsonElement[] errors = [.. JsonElement.Parse(json.Output).EnumerateArray()];

        Assert.Equal(["precision", "relative", "max", "divergence", "agreement"],
            errors[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(["fp32", "int8"], errors.Select(error => error.GetProperty("precision").GetString()));
        Assert.Equal((0, 0, 1),
            (errors[0].GetProperty("relative").GetDouble(), errors[0].GetProperty("max").GetDouble(),
                errors[0].GetProperty("agreement").GetDouble()));
        Assert.InRange(errors[1].GetProperty("relative").GetDouble(), 0.005, 0.15);
        Assert.InRange(errors[1].GetProperty("divergence").GetDouble(), 1e-5, 0.1);
        Assert.InRange(errors[1].GetProperty("agreement").GetDouble(), 0.8, 0.9999);

        Finished table = await sjd.RunAsync("models", "compare", TestModel.Folder!);
        Assert.Contains("| int8 ", table.Output, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task An_unknown_model_is_an_error()
    {
        using var sjd = new Sjd();
        (await sjd.RunAsync("models", "show", "nowhere")).AssertFailed(ExitCode.Model, "There is no model 'nowhere'");
    }

    [ModelFact]
    public async Task A_license_with_conditions_is_shown_once()
    {
        using var sjd = new Sjd { Cache = "cache" };
        CopyModel(sjd.PathOf("model"), manifest => manifest["license"] = new JsonObject
        {
            ["id"] = "some-research",
            ["notice"] = "Made from things of others.",
            ["commercial"] = false,
        });

        const string notice = "is under the license some-research. Not for commercial use. Made from things of others.";
        Finished first = await sjd.RunAsync("generate", "a fox", "--model", "model", "-o", "a.png");
        Assert.True(first.ExitCode == 0, first.Error);
        Assert.Contains(notice, first.Error, StringComparison.Ordinal);
        Finished second = await sjd.RunAsync("generate", "a fox", "--model", "model", "-o", "b.png");
        Assert.DoesNotContain(notice, second.Error, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task Control_characters_in_a_models_name_are_escaped()
    {
        using var sjd = new Sjd();
        CopyModel(sjd.PathOf("onnx-models/painter"), manifest => manifest["name"] = "a\u001b[2J\u0007\n\u202eb\u2028c\u200d");
        const string shown = @"a\u001b[2J\u0007\u000a\u202eb\u2028c" + "\u200d";

        Assert.Contains($"| {shown} ", (await sjd.RunAsync("models")).Output, StringComparison.Ordinal);
        Assert.StartsWith($"name: {shown}\n", (await sjd.RunAsync("models", "show", "painter")).Output, StringComparison.Ordinal);
        Finished failed = await sjd.RunAsync("costs", "--model", "painter", "--precision", "fp8");
        Assert.Contains($"The model '{shown}' has no precision", failed.Error, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task Verify_compares_files_that_were_compared_before_once_more()
    {
        using var sjd = new Sjd { Cache = "cache" };
        CopyModel(sjd.PathOf("model"), _ => { });
        string decoder = sjd.PathOf("model/image_decoder.onnx");
        DateTime time = File.GetLastWriteTimeUtc(decoder);
        Assert.Equal(0, (await Generate()).ExitCode);
        byte[] bytes = File.ReadAllBytes(decoder);
        bytes[^1] ^= 1; // in the last number of the file, which only the hash covers
        File.WriteAllBytes(decoder, bytes);
        File.SetLastWriteTimeUtc(decoder, time);

        Assert.DoesNotContain("SHA-256", (await Generate()).Error, StringComparison.Ordinal);
        (await Generate("--verify")).AssertFailed(ExitCode.Model, "image_decoder.onnx is not the file model.json describes");

        Task<Finished> Generate(params string[] more) => sjd.RunAsync(["generate", "a fox", "--model", "./model", "-o", "a.png", .. more]);
    }

    private static void CopyModel(string folder, Action<JsonObject> change) => CopyModel(TestModel.Folder!, folder, change);

    private static void CopyModel(string of, string folder, Action<JsonObject> change)
    {
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(Path.IsPathRooted(of) ? of : TestModel.InRepository(of)!))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        string path = Path.Combine(folder, "model.json");
        JsonObject manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(manifest);
        File.WriteAllText(path, manifest.ToJsonString());
    }
}
