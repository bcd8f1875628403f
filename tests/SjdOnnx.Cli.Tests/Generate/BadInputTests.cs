using System.Text.Json.Nodes;
using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Generate;

/// <summary>Damaged models, requests that the model cannot draw, and places that cannot be written.</summary>
public class BadInputTests
{
    [Fact]
    public async Task A_folder_that_does_not_exist_or_is_not_a_model_is_refused()
    {
        using var sjd = new Sjd();

        (await sjd.RunAsync("generate", "a fox", "--model", "./nowhere")).AssertFailed(ExitCode.Model, "There is no model folder");
        (await sjd.RunAsync("generate", "a fox", "--model", ".")).AssertFailed(ExitCode.Model, "has no model.json");
        Assert.Empty(sjd.Files);
    }

    /// <summary>In this mode .NET does not normalize text, and reports no error.</summary>
    [ModelTheory]
    [InlineData("tokenizer", "The tokenizer of this model")]
    [InlineData("cleaning", "The cleaning of prompts for this model")]
    public async Task A_globalization_invariant_program_refuses_a_model_that_needs_normalization(string what, string subject)
    {
        using var sjd = new Sjd();
        using var model = new ModelCopy();
        model.Edit(manifest =>
        {
            if (what == "tokenizer")
                manifest["tokenizer"]!["normalizers"] = new JsonArray("nfc");
            else
                manifest["prompt"]!["cleaning"] = "t5-captions";
        });

        Assert.Equal(ExitCode.Done, (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).ExitCode);
        sjd.Variables["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).AssertFailed(
            ExitCode.Provider, $"{subject} needs Unicode normalization");
    }

    [ModelFact]
    public async Task A_damaged_model_is_refused()
    {
        using var sjd = new Sjd();
        using var model = new ModelCopy();
        string manifest = File.ReadAllText(model.PathOf("model.json"));
        string graph = JsonNode.Parse(manifest)!["image"]!["graph"]!.GetValue<string>();
        byte[] bytes = File.ReadAllBytes(model.PathOf(graph));

        File.WriteAllText(model.PathOf("model.json"), manifest[..(manifest.Length / 2)]);
        await AssertRefused("model.json");

        File.WriteAllText(model.PathOf("model.json"), manifest);
        model.Edit(json => json["transformer"]!["layers"] = 1 + json["transformer"]!["layers"]!.GetValue<int>());
        await AssertRefused("model.json");

        File.WriteAllText(model.PathOf("model.json"), manifest);
        File.WriteAllBytes(model.OwnFile(graph), bytes[..^100]);
        await AssertRefused(graph);

        bytes[bytes.Length / 2] ^= 1; // in the middle of the weights, so that the graph still opens
        File.WriteAllBytes(model.PathOf(graph), bytes);
        await AssertRefused("SHA-256");

        File.Delete(model.PathOf(graph));
        await AssertRefused(graph);

        async Task AssertRefused(string because)
        {
            (await sjd.RunAsync("generate", "a fox", "--model", model.Folder)).AssertFailed(ExitCode.Model, because);
            Assert.Empty(sjd.Files);
        }
    }

    [ModelFact]
    public async Task A_request_that_the_model_cannot_draw_is_refused()
    {
        using var sjd = new Sjd();

        (await sjd.GenerateAsync("")).AssertFailed(ExitCode.Request, "The prompt is empty");
        (await sjd.GenerateAsync(" \n")).AssertFailed(ExitCode.Request, "The prompt is empty");
        (await sjd.GenerateAsync("a fox", "--size", "64x9999")).AssertFailed(ExitCode.Request, "64x9999");
        (await sjd.GenerateAsync(new string('a', 100 * 1024))).AssertFailed(
            ExitCode.Request, "102,400 characters; this model reads at most");
        (await sjd.GenerateAsync(new string('a', 16 * 1024))).AssertFailed(ExitCode.Request, "16,384 characters; this model reads at most");
        (await sjd.GenerateAsync(string.Join(' ', Enumerable.Repeat("fox", 300)))).AssertFailed(
            ExitCode.Request, "tokens; this model reads at most");
        (await sjd.GenerateAsync("a fox", "--precision", "fp7")).AssertFailed(ExitCode.Model, "no precision 'fp7'");
        Assert.Empty(sjd.Files);
    }

    [ModelFact]
    public async Task A_provider_that_is_not_available_is_an_error_and_no_other_takes_its_place()
    {
        using var sjd = new Sjd();
        string elsewhere = OperatingSystem.IsWindows() ? "tensorrt" : "dml";

        Finished run = await sjd.GenerateAsync("a fox", "--provider", elsewhere);
        run.AssertFailed(ExitCode.Provider, $"'{elsewhere}' is not available here");
        Assert.Empty(sjd.Files);
    }

    /// <summary>There is no such model, so an error about the model would show that it was looked for first.</summary>
    [Fact]
    public async Task A_place_that_cannot_be_written_is_refused_before_the_model_is_read()
    {
        using var sjd = new Sjd();
        Directory.CreateDirectory(sjd.PathOf("folder"));
        Directory.CreateDirectory(sjd.PathOf("fox-1.png"));

        await AssertRefused("there is no folder", "nowhere/fox.png");
        await AssertRefused("it is a folder", "folder");
        await AssertRefused("it is a folder", "fox.png", "--count", "3");
        await AssertRefused("cannot be written", new string('x', 300) + ".png");
        if (OperatingSystem.IsLinux())
        {
            await AssertRefused("cannot be written", "/proc/fox.png");
            await AssertRefused("it is a device", "/dev/null");
        }

        Assert.Equal(["folder", "fox-1.png"], sjd.Files);

        async Task AssertRefused(string because, string output, params string[] more) =>
            (await sjd.RunAsync(["generate", "a fox", "--model", "./nowhere", "-o", output, .. more])).AssertFailed(
                ExitCode.Output, because);
    }
}
