using System.Diagnostics;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Tests.Generate;

public sealed class GenerateTests(GenerateTests.Drawn drawn) : IClassFixture<GenerateTests.Drawn>
{
    private const string Prompt = "a fox above a rocket on a blue background";

    [ModelFact]
    public async Task A_trace_has_the_codes_after_each_pass()
    {
        using var sjd = new Sjd();
        Finished run = await sjd.GenerateAsync(Prompt, "-o", "out.png", "--seed", "1", "--json", "--method", "gsd", "--group-size", "9",
            "--window", "8", "--trace", "trace.json");
        Assert.True(run.ExitCode == 0, run.Error);

        JsonElement trace = JsonElement.Parse(File.ReadAllText(sjd.PathOf("trace.json")));
        Assert.Equal(
            ["format", "model", "model_hash", "prompt", "seed", "method", "method_options", "window", "rows", "columns", "passes", "codes"],
            trace.EnumerateObject().Select(member => member.Name));
        Assert.Equal((16, 16, 256),
            (trace.GetProperty("rows").GetInt32(), trace.GetProperty("columns").GetInt32(), trace.GetProperty("codes").GetArrayLength()));
        Assert.Equal("""{"group_size":9,"group_tolerance":0.15}""", trace.GetProperty("method_options").GetRawText());
        JsonElement[] passes = [.. trace.GetProperty("passes").EnumerateArray()];
        int forward = JsonElement.Parse(run.Output).GetProperty("images")[0].GetProperty("forward_passes").GetInt32();
        Assert.Equal(forward + 1, passes.Length);
        Assert.Equal((1, 256), (passes[0].GetProperty("committed").GetInt32(), passes[^1].GetProperty("committed").GetInt32()));
        Assert.All(passes[..^1], pass => Assert.InRange(pass.GetProperty("drafts").GetArrayLength(), 0, 8));
        Assert.All(passes.SelectMany(pass => pass.GetProperty("steps_left").EnumerateArray()), steps => Assert.Equal(0, steps.GetInt32()));
    }

    [ModelFact]
    public void Images_are_written_under_the_given_name_with_their_index() =>
        Assert.Equal(["fox-0.png", "fox-1.png"], drawn.Sjd.Files);

    [ModelFact]
    public void JSON_describes_the_run()
    {
        JsonElement run = drawn.Report;

        Assert.Equal(
            ["model", "method", "exact", "provider", "precision", "seed", "window", "initialization", "method_options",
                "guidance", "temperature", "top_k", "top_p", "negative_prompt", "cleaning", "batch", "peak_memory", "images"],
            run.EnumerateObject().Select(member => member.Name));
        Assert.NotEmpty(run.GetProperty("model").GetString()!);
        Assert.Equal("sjd", run.GetProperty("method").GetString());
        Assert.True(run.GetProperty("exact").GetBoolean());
        Assert.Equal("cpu", run.GetProperty("provider").GetString());
        Assert.NotEmpty(run.GetProperty("precision").GetString()!);
        Assert.Equal(41, run.GetProperty("seed").GetInt32());
        Assert.Equal(8, run.GetProperty("window").GetInt32());
        Assert.Equal("repeat-left", run.GetProperty("initialization").GetString());
        Assert.Equal(2.5, run.GetProperty("guidance").GetDouble());
        Assert.Equal(0.9, run.GetProperty("temperature").GetDouble(), 1e-6);
        Assert.Equal(500, run.GetProperty("top_k").GetInt32());
        Assert.Equal(0.95, run.GetProperty("top_p").GetDouble(), 1e-6);
        Assert.Equal(2, run.GetProperty("batch").GetInt32());
    }

    [ModelFact]
    public void JSON_describes_each_image()
    {
        JsonElement[] images = [.. drawn.Report.GetProperty("images").EnumerateArray()];

        Assert.Equal(["fox-0.png", "fox-1.png"], images.Select(image => image.GetProperty("file").GetString()));
        Assert.Equal([41, 42], images.Select(image => image.GetProperty("seed").GetInt32()));
        foreach (JsonElement image in images)
        {
            Assert.Equal(
                ["file", "seed", "width", "height", "tokens", "forward_passes", "tokens_per_pass", "drafts_per_pass",
                    "accepted_histogram", "token_ids", "seconds"],
                image.EnumerateObject().Select(member => member.Name));
            int tokens = image.GetProperty("tokens").GetInt32();
            int passes = image.GetProperty("forward_passes").GetInt32();
            int[] histogram = [.. image.GetProperty("accepted_histogram").EnumerateArray().Select(entry => entry.GetInt32())];
            Assert.Equal(128, image.GetProperty("width").GetInt32());
            Assert.Equal(128, image.GetProperty("height").GetInt32());
            Assert.Equal(256, tokens);
            Assert.InRange(passes, 1, tokens);
            Assert.Equal((double)tokens / passes, image.GetProperty("tokens_per_pass").GetDouble(), 1e-9);
            Assert.Equal(passes, histogram.Sum());
            Assert.InRange(image.GetProperty("drafts_per_pass").GetDouble(), 7, 8);
            Assert.InRange(image.GetProperty("token_ids").GetArrayLength(), tokens, 2 * tokens);
            JsonProperty[] seconds = [.. image.GetProperty("seconds").EnumerateObject()];
            Assert.Equal(["load", "prefill", "decode", "image", "run", "elapsed"], seconds.Select(member => member.Name));
            Assert.All(seconds, time => Assert.True(time.Value.GetDouble() > 0, $"{time.Name} is {time.Value}."));
        }
    }

    [ModelFact]
    public void Standard_error_describes_each_image()
    {
        string[] lines = drawn.Run.Error.TrimEnd('\n').Split('\n');

        Assert.Contains(lines, line => line.StartsWith("fox-0.png: seed 41, 256 tokens in ", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("fox-1.png: seed 42, 256 tokens in ", StringComparison.Ordinal));
        Assert.DoesNotContain("lossy", drawn.Run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', drawn.Run.Error);
    }

    [ModelFact]
    public async Task Inspect_prints_how_an_image_was_drawn()
    {
        Finished text = await drawn.Sjd.RunAsync("inspect", "fox-1.png");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        Assert.Contains($"  prompt: {Prompt}\n", text.Output, StringComparison.Ordinal);
        Assert.Contains("  seed: 42\n", text.Output, StringComparison.Ordinal);

        Finished json = await drawn.Sjd.RunAsync("inspect", "fox-1.png", "--json");
        JsonElement report = JsonElement.Parse(json.Output);
        Assert.Equal(
            ["file", "format", "width", "height", "parameters", "sjdonnx"], report.EnumerateObject().Select(member => member.Name));
        Assert.Equal("png", report.GetProperty("format").GetString());
        Assert.Equal((128, 128), (report.GetProperty("width").GetInt32(), report.GetProperty("height").GetInt32()));
        Assert.Matches(
            $"^{Prompt}\nSteps: [0-9]+, Sampler: SJD, CFG scale: 2.5, Seed: 42, Size: 128x128, Model hash: [0-9a-f]{{10}}, Model: .*, " +
            "Engine version: SjdOnnx .+$",
            report.GetProperty("parameters").GetString());

        GenerationData data = GenerationData.FromJson(report.GetProperty("sjdonnx").GetRawText());
        JsonElement image = drawn.Report.GetProperty("images")[1];
        Assert.Equal(new DrawnRequest(Prompt, 42, "sjd", 8, "repeat-left", 2.5f, 0.9f, 500, 0.95f, 128, 128, Exact: true), data.Request);
        Assert.Equal(image.GetProperty("forward_passes").GetInt32(), data.Statistics!.ForwardPasses);
        Assert.Equal(64, data.Model.Sha256.Length);
    }

    /// <summary>
    /// The bytes are the same on another run, for another --count, under another name and with previews. No file is overwritten.
    /// </summary>
    [ModelFact]
    public async Task Image_i_can_be_drawn_again_alone_with_seed_plus_i()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("sjd-00000042.png"), "somebody's");
        File.WriteAllText(sjd.PathOf("sjd-00000042-2.preview.png"), "somebody's, too");

        Finished run = await sjd.GenerateAsync([Prompt, "--seed", "42", "--preview", .. Drawn.Options]);

        Assert.Equal((0, "sjd-00000042-3.png\n"), (run.ExitCode, run.Output));
        Assert.Equal(["sjd-00000042-2.preview.png", "sjd-00000042-3.png", "sjd-00000042.png"], sjd.Files);
        Assert.Equal("somebody's", File.ReadAllText(sjd.PathOf("sjd-00000042.png")));
        Assert.Equal(drawn.Sjd.Read("fox-1.png"), sjd.Read("sjd-00000042-3.png"));
    }

    [ModelFact]
    public async Task A_lossy_method_is_called_lossy_everywhere()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync(Prompt, "-o", "out.png", "--seed", "1", "--json", "--method", "early-exit", "--iterations",
            "3", "--window", "8");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.EndsWith(" s; early-exit is lossy\n", run.Error, StringComparison.Ordinal);
        JsonElement report = JsonElement.Parse(run.Output);
        Assert.False(report.GetProperty("exact").GetBoolean());
        Assert.Equal(3, report.GetProperty("method_options").GetProperty("iterations").GetInt32());
        Finished inspected = await sjd.RunAsync("inspect", "out.png");
        Assert.Contains("  exact: False\n", inspected.Output, StringComparison.Ordinal);
        Assert.Contains("    iterations: 3\n", inspected.Output, StringComparison.Ordinal);
    }

    /// <summary>Which method is the model's default is known only when model.json has been read.</summary>
    [ModelFact]
    public async Task An_option_of_another_method_than_the_models_default_is_refused()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync(Prompt, "--group-size", "9");

        run.AssertFailed(ExitCode.Usage,
            $"--group-size is an option of gsd; the method is {ModelDescription.Read(TestModel.Folder!).DefaultMethod}.");
        Assert.Empty(sjd.Files);
    }

    [ModelFact(UnixOnly = true)]
    public async Task A_file_name_with_a_line_break_is_escaped_in_messages_and_unchanged_for_programs()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync(Prompt, "-o", "a\nfox.png", "--window", "8", "--window", "4");

        Assert.Equal((ExitCode.Done, "a\nfox.png\n"), (run.ExitCode, run.Output));
        Assert.StartsWith(@"a\u000afox.png: seed ", run.Error, StringComparison.Ordinal);
        Assert.Equal(4, GenerationData.FromJson(ImageFileInfo.Read(sjd.PathOf("a\nfox.png")).GenerationJson!).Request.Window.Drafts);
    }

    [ModelFact]
    public async Task A_window_of_auto_is_recorded_with_the_mean_number_of_drafts()
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync(Prompt, "-o", "out.png", "--seed", "1", "--json", "--method", "exact", "--window", "auto");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Matches(@"out.png: seed 1, 256 tokens in [0-9]+ forward passes \([0-9.]+ per pass, [0-9.]+ drafts\), ", run.Error);
        JsonElement report = JsonElement.Parse(run.Output);
        Assert.Equal("auto", report.GetProperty("window").GetString());
        Assert.InRange(report.GetProperty("images")[0].GetProperty("drafts_per_pass").GetDouble(), 0, WindowSize.MaxAuto);
        Assert.Contains("  window: auto\n", (await sjd.RunAsync("inspect", "out.png")).Output, StringComparison.Ordinal);
    }

    /// <summary>Files are named and listed by index, whichever image was finished first.</summary>
    [ModelFact]
    public async Task Images_that_share_passes_equal_those_drawn_one_by_one()
    {
        using var sjd = new Sjd();

        Finished together = await sjd.GenerateAsync([Prompt, "-o", "fox.png", "--seed", "38", "--count", "5", "--batch", "2", "--json",
            .. Drawn.Options]);

        Assert.True(together.ExitCode == 0, together.Error);
        JsonElement report = JsonElement.Parse(together.Output);
        Assert.Equal(2, report.GetProperty("batch").GetInt32());
        Assert.Equal(38, report.GetProperty("seed").GetInt32());
        JsonElement[] images = [.. report.GetProperty("images").EnumerateArray()];
        Assert.Equal(["fox-0.png", "fox-1.png", "fox-2.png", "fox-3.png", "fox-4.png"],
            images.Select(image => image.GetProperty("file").GetString()));
        Assert.Equal([38, 39, 40, 41, 42], images.Select(image => image.GetProperty("seed").GetInt32()));
        Assert.Equal(drawn.Sjd.Read("fox-0.png"), sjd.Read("fox-3.png"));
        Assert.Equal(drawn.Sjd.Read("fox-1.png"), sjd.Read("fox-4.png"));

        Finished alone = await sjd.GenerateAsync([Prompt, "-o", "alone.png", "--seed", "38", "--count", "2", "--batch", "1",
            .. Drawn.Options]);
        Assert.Equal((0, "alone-0.png\nalone-1.png\n"), (alone.ExitCode, alone.Output));
        Assert.Equal(sjd.Read("fox-0.png"), sjd.Read("alone-0.png"));
        Assert.Equal(sjd.Read("fox-1.png"), sjd.Read("alone-1.png"));
    }

    [ModelTheory]
    [InlineData("🦊 über 🚀 on a blue background")]
    [InlineData("ثعلب فوق صاروخ")]
    [InlineData("a\tfox\r\n\u0001\u001b[31m\u007f\u0085 {prompt} \\ \" ' %s")]
    public async Task Any_text_can_be_drawn_and_is_recorded_as_it_was(string prompt)
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync(prompt, "-o", "out.png", "--method", "ar", "--guidance", "1");

        Assert.Equal((0, "out.png\n"), (run.ExitCode, run.Output));
        ImageFileInfo file = ImageFileInfo.Read(sjd.PathOf("out.png"));
        Assert.Equal(prompt, GenerationData.FromJson(file.GenerationJson!).Request.Prompt);
        Assert.StartsWith("Steps: ", Assert.Single(file.Parameters!.Split('\n')[1..]), StringComparison.Ordinal);
    }

    [ModelTheory]
    [InlineData("jpeg", "out.jpg")]
    [InlineData("webp", "out.webp")]
    [InlineData("webp", "out.WebP", "--lossless")]
    [InlineData("jpeg", "out", "--format", "jpeg", "--quality", "70")]
    [InlineData("png", "out.v2")]
    public async Task The_format_follows_the_name_or_the_option_and_inspect_reads_every_format(string format, string name,
        params string[] options)
    {
        using var sjd = new Sjd();

        Finished run = await sjd.GenerateAsync([Prompt, "-o", name, "--seed", "42", .. Drawn.Options, .. options]);

        Assert.Equal((0, $"{name}\n"), (run.ExitCode, run.Output));
        Assert.Equal([name], sjd.Files);
        JsonElement report = JsonElement.Parse((await sjd.RunAsync("inspect", name, "--json")).Output);
        Assert.Equal(format, report.GetProperty("format").GetString());
        Assert.Equal((128, 128), (report.GetProperty("width").GetInt32(), report.GetProperty("height").GetInt32()));
        ImageFileInfo png = ImageFileInfo.Read(drawn.Sjd.PathOf("fox-1.png"));
        Assert.Equal(png.Parameters, report.GetProperty("parameters").GetString());
        Assert.Equal(png.GenerationJson, GenerationData.FromJson(report.GetProperty("sjdonnx").GetRawText()).ToJson());
    }

    [ModelFact]
    public async Task Names_made_from_seeds_and_names_of_previews_have_the_extension_of_the_format()
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start(
            "generate", Prompt, "--model", TestModel.Folder!, "--seed", "42", "--format", "webp", "--preview", "--method", "ar");
        bool preview = false;
        while (!process.HasExited)
        {
            preview |= sjd.Files.Contains("sjd-00000042.preview.webp");
            await Task.Delay(5);
        }

        Finished run = await Sjd.FinishAsync(process);
        Assert.Equal((0, "sjd-00000042.webp\n"), (run.ExitCode, run.Output));
        Assert.True(preview, "No preview was seen.");
        Assert.Equal(["sjd-00000042.webp"], sjd.Files);
    }

    [UnixModelTheory]
    [InlineData("-", "png")]
    [InlineData("/dev/stdout", "webp")]
    public async Task An_image_can_go_through_standard_output_and_input(string output, string format)
    {
        using var sjd = new Sjd();
        Finished run = await sjd.ShellAsync(
            $"sjd generate '{Prompt}' --model '{TestModel.Folder}' -o {output} --format {format} --seed 42 " +
            $"{string.Join(' ', Drawn.Options)} " +
            "| sjd inspect - --json");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.StartsWith("standard output: seed 42, 256 tokens in ", run.Error, StringComparison.Ordinal);
        Assert.Empty(sjd.Files);
        JsonElement report = JsonElement.Parse(run.Output);
        Assert.Equal(format, report.GetProperty("format").GetString());
        Assert.Equal(ImageFileInfo.Read(drawn.Sjd.PathOf("fox-1.png")).Parameters, report.GetProperty("parameters").GetString());
    }

    /// <summary>The trace's folder disappears while the image is drawn.</summary>
    [ModelTheory]
    [InlineData()]
    [InlineData("--json")]
    public async Task An_image_that_was_written_is_named_even_if_the_trace_cannot_be_written(params string[] options)
    {
        using var sjd = new Sjd();
        string folder = sjd.PathOf("traces");
        Directory.CreateDirectory(folder);
        using Process process = sjd.Start(
            ["generate", Prompt, "--model", TestModel.Folder!, "-o", "out.png", "--trace", "traces/trace.json", "--preview",
                "--method", "ar", .. options]);
        while (!process.HasExited && !sjd.Files.Any(file => file.EndsWith(".preview.png", StringComparison.Ordinal)))
            await Task.Delay(5);
        Directory.Delete(folder);

        Finished run = await Sjd.FinishAsync(process);

        Assert.Equal(ExitCode.Output, run.ExitCode);
        Assert.Contains("out.png", run.Output, StringComparison.Ordinal);
        Assert.Contains("'traces/trace.json' cannot be written", run.Error, StringComparison.Ordinal);
        Assert.Equal(["out.png"], sjd.Files);
    }

    [ModelFact]
    public async Task Without_a_seed_one_is_drawn_and_without_metadata_the_image_does_not_record_it()
    {
        using var sjd = new Sjd();
        File.WriteAllText(sjd.PathOf("out.png"), "the image before");

        Finished run = await sjd.GenerateAsync(Prompt, "-o", "out.png", "--no-metadata", "--method", "ar");

        Assert.Equal((0, "out.png\n"), (run.ExitCode, run.Output));
        Assert.Matches("out.png: seed [0-9]+, 256 tokens in 255 forward passes", run.Error);
        Assert.Equal(["out.png"], sjd.Files);
        Assert.Equal(new ImageFileInfo(ImageFormat.Png, 128, 128, null, null), ImageFileInfo.Read(sjd.PathOf("out.png")));
        (await sjd.RunAsync("inspect", "out.png")).AssertFailed(ExitCode.Input, "'out.png' has no generation data");
    }

    [ModelFact]
    public async Task A_reader_of_standard_output_that_goes_away_causes_no_failure()
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start("generate", Prompt, "--model", TestModel.Folder!, "-o", "out.png");
        process.StandardOutput.Close();

        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(0, process.ExitCode);
        Assert.Contains("out.png: seed ", error, StringComparison.Ordinal);
        Assert.Equal(["out.png"], sjd.Files);
    }

    [UnixModelTheory]
    [InlineData(2, ExitCode.Interrupted)]
    [InlineData(15, ExitCode.Terminated)]
    [InlineData(1, ExitCode.HungUp)]
    public async Task A_signal_stops_the_drawing_and_leaves_only_finished_images(int signal, int exitCode)
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start("generate", Prompt, "--model", TestModel.Folder!, "-o", "out.png", "--count", "100", "--preview");
        string? first = await process.StandardOutput.ReadLineAsync();
        Assert.Equal("out-00.png", first);
        // Of any image: a preview exists for less than a tenth of a second.
        while (!sjd.Files.Any(file => file.EndsWith(".preview.png", StringComparison.Ordinal)))
        {
            Assert.False(process.HasExited, "It drew a hundred images, and no preview was seen.");
            await Task.Delay(5);
        }

        Sjd.Signal(process, signal);
        Finished run = await Sjd.FinishAsync(process);

        AssertStopped(run, first!, sjd, exitCode);
    }

    [ModelFact(UnixOnly = true)]
    public async Task Ctrl_C_leaves_whole_images_of_a_batch_too()
    {
        using var sjd = new Sjd();
        using Process process = sjd.Start("generate", Prompt, "--model", TestModel.Folder!, "-o", "out.png", "--count", "100", "--batch",
            "4");
        string? first = await process.StandardOutput.ReadLineAsync();
        Sjd.Interrupt(process);
        Finished run = await Sjd.FinishAsync(process);

        AssertStopped(run, first!, sjd, ExitCode.Interrupted);
    }

    /// <summary>Every file that was written is whole and was named, some images are missing, and no preview is left.</summary>
    private static void AssertStopped(Finished run, string first, Sjd sjd, int exitCode)
    {
        Assert.Equal(exitCode, run.ExitCode);
        Assert.EndsWith("sjd: Stopped before it was finished.\n", run.Error, StringComparison.Ordinal);
        string[] written = [first, .. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.InRange(written.Length, 1, 99);
        Assert.Equal(written.Order(StringComparer.Ordinal), sjd.Files);
        Assert.All(written, file => Assert.NotNull(ImageFileInfo.Read(sjd.PathOf(file)).GenerationJson));
    }

    /// <summary>Two images, drawn once with every option that changes them.</summary>
    public sealed class Drawn : IAsyncLifetime
    {
        internal static readonly string[] Options =
            ["--method", "sjd", "--window", "8", "--init", "repeat-left", "--guidance", "2.5", "--temperature", "0.9",
                "--top-k", "500", "--top-p", "0.95", "--size", "128x128"];

        internal Sjd Sjd { get; } = new();

        internal Finished Run { get; private set; } = null!;

        internal JsonElement Report { get; private set; }

        public async Task InitializeAsync()
        {
            if (TestModel.Folder is null)
                return;
            Run = await Sjd.GenerateAsync([Prompt, "-o", "fox.png", "--seed", "41", "--count", "2", "--json", .. Options]);
            Assert.True(Run.ExitCode == 0, Run.Error);
            Report = JsonElement.Parse(Run.Output);
        }

        public Task DisposeAsync()
        {
            Sjd.Dispose();
            return Task.CompletedTask;
        }
    }
}
