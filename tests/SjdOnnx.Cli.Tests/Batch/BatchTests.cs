using System.Diagnostics;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Cli.Tests.Batch;

public sealed class BatchTests(BatchTests.Drawn drawn) : IClassFixture<BatchTests.Drawn>
{
    [ModelFact]
    public void Each_line_becomes_an_image_with_its_own_options()
    {
        Assert.Equal(
            ["00000.png", "00001-fox.png", "00002.jpg", "00003-two-0.png", "00004-two-1.png", "results.jsonl"],
            drawn.Sjd.FilesOf("images"));
        GenerationData[] data = [.. drawn.Results.Select(result => GenerationData.FromJson(result.GetProperty("sjdonnx").GetRawText()))];
        Assert.Equal([0UL, 7, 2, 3, 4], data.Select(image => image.Request.Seed));
        Assert.Equal([3f, 2, 3, 3, 3], data.Select(image => image.Request.Guidance));
        Assert.Equal(["sjd", "sjd", "gsd", "sjd", "sjd"], data.Select(image => image.Request.Method));
        Assert.Equal("a fox on a blue background", data[1].Request.Prompt);
        Assert.Equal(
            drawn.Sjd.FilesOf("images").Take(5).Select(name => $"images/{name}"),
            drawn.Run.Output.TrimEnd('\n').Split('\n').Order(StringComparer.Ordinal));
    }

    [ModelFact]
    public void Results_have_a_line_for_each_image_with_its_hash()
    {
        Assert.Equal([0, 1, 2, 3, 4], drawn.Results.Select(result => result.GetProperty("index").GetInt32()));
        Assert.Equal([1, 2, 3, 4, 4], drawn.Results.Select(result => result.GetProperty("line").GetInt32()));
        foreach (JsonElement result in drawn.Results)
        {
            string file = $"images/{result.GetProperty("file").GetString()}";
            Assert.Equal(drawn.Sjd.HashOf(file), result.GetProperty("sha256").GetString());
            Assert.Equal(drawn.Sjd.Read(file).Length, result.GetProperty("bytes").GetInt64());
            // What the file records of itself.
            Assert.Equal(
                GenerationData.FromJson(ImageFileInfo.Read(drawn.Sjd.PathOf(file)).GenerationJson!).ToJson(),
                GenerationData.FromJson(result.GetProperty("sjdonnx").GetRawText()).ToJson());
        }
    }

    [ModelFact]
    public async Task An_image_has_the_bytes_that_generate_gives_it()
    {
        Finished run = await drawn.Sjd.GenerateAsync("a fox on a blue background", "--seed", "7", "--guidance", "2", "--method", "sjd",
            "--window", "8", "-o", "alone.png");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(drawn.Sjd.HashOf("alone.png"), drawn.Sjd.HashOf("images/00001-fox.png"));
    }

    [ModelFact]
    public async Task The_union_of_shards_equals_the_whole()
    {
        foreach (string shard in (string[])["1/2", "2/2"])
        {
            Finished run = await drawn.BatchAsync("shards", "--shard", shard);
            Assert.True(run.ExitCode == 0, run.Error);
        }

        Assert.Equal(drawn.Hashes("images"), drawn.Hashes("shards"));
        Assert.Contains("results-1-of-2.jsonl", drawn.Sjd.FilesOf("shards"));

        Finished whole = await drawn.BatchAsync("shards");
        Assert.Equal((0, ""), (whole.ExitCode, whole.Output)); // nothing is drawn
        Assert.Equal(drawn.Sjd.HashOf("images/results.jsonl"), drawn.Sjd.HashOf("shards/results.jsonl"));
    }

    [ModelFact(UnixOnly = true)]
    public async Task Killed_at_any_moment_it_loses_no_image_and_draws_none_twice()
    {
        const int Images = 12;
        await File.WriteAllLinesAsync(drawn.Sjd.PathOf("dozen.txt"), Enumerable.Range(0, Images).Select(i => $"{i} pigs"));
        Finished uninterrupted = await drawn.RunAsync("dozen.txt", "dozen");
        Assert.True(uninterrupted.ExitCode == 0, uninterrupted.Error);

        var printed = new List<string>();
        int kills = 0;
        foreach (int delay in (int[])[0, 40, 90, 170]) // milliseconds after the first image of each run
        {
            string[] before = [.. drawn.Hashes("killed").Keys];
            using Process process = drawn.Start("dozen.txt", "killed");
            string? first = await process.StandardOutput.ReadLineAsync();
            await Task.Delay(delay);
            kills += process.HasExited ? 0 : 1;
            process.Kill();
            string rest = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            printed.AddRange([first!, .. Lines(rest)]);
            Assert.Subset(drawn.Hashes("killed").Keys.ToHashSet(), before.ToHashSet());
            Assert.All(drawn.Hashes("killed"), image => Assert.Equal(drawn.Hashes("dozen")[image.Key], image.Value));
        }

        Finished last = await drawn.RunAsync("dozen.txt", "killed");

        Assert.True(last.ExitCode == 0, last.Error);
        Assert.InRange(kills, 3, 4);
        printed.AddRange(Lines(last.Output));
        Assert.Equal(printed.Distinct(), printed);
        Assert.Equal(Images, drawn.Hashes("killed").Count);
        Assert.Equal(drawn.Hashes("dozen"), drawn.Hashes("killed"));
        Assert.Equal(drawn.Sjd.FilesOf("dozen"), drawn.Sjd.FilesOf("killed"));
        Assert.Equal(drawn.Sjd.HashOf("dozen/results.jsonl"), drawn.Sjd.HashOf("killed/results.jsonl"));

        static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [ModelFact]
    public async Task An_image_whose_line_of_results_is_missing_is_not_drawn_again()
    {
        drawn.Copy("images", "unrecorded");
        File.WriteAllLines(
            drawn.Sjd.PathOf("unrecorded/results.jsonl"), File.ReadLines(drawn.Sjd.PathOf("images/results.jsonl")).Skip(1));

        Finished run = await drawn.BatchAsync("unrecorded");

        Assert.Equal((0, ""), (run.ExitCode, run.Output));
        Assert.Equal(drawn.Sjd.HashOf("images/results.jsonl"), drawn.Sjd.HashOf("unrecorded/results.jsonl"));
    }

    [ModelFact]
    public async Task A_missing_file_is_drawn_again()
    {
        drawn.Copy("images", "missing");
        File.Delete(drawn.Sjd.PathOf("missing/00000.png"));

        Finished run = await drawn.BatchAsync("missing");

        Assert.Equal((0, "missing/00000.png\n"), (run.ExitCode, run.Output));
        Assert.Equal(drawn.Hashes("images"), drawn.Hashes("missing"));
    }

    [ModelFact]
    public async Task A_file_that_was_edited_is_not_replaced()
    {
        drawn.Copy("images", "edited");
        await File.AppendAllTextAsync(drawn.Sjd.PathOf("edited/00000.png"), "more");

        Finished run = await drawn.BatchAsync("edited");

        run.AssertFailed(ExitCode.Output, "1 file in 'edited' would be replaced");
    }

    [ModelFact]
    public async Task Lines_can_name_different_precisions_of_a_model()
    {
        await File.WriteAllLinesAsync(drawn.Sjd.PathOf("two.jsonl"), [
            """{"prompt": "a fox", "precision": "fp32"}""", """{"prompt": "a fox", "precision": "int8"}""",
            """{"prompt": "a pig", "precision": "fp32"}"""]);

        Finished run = await drawn.RunAsync("two.jsonl", "two");

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(["fp32", "int8", "fp32"], Enumerable.Range(0, 3).Select(i => GenerationData.FromJson(
            ImageFileInfo.Read(drawn.Sjd.PathOf($"two/0000{i}.png")).GenerationJson!).Model.Precision));
    }

    [ModelFact]
    public async Task A_changed_line_is_noticed_and_can_be_drawn_again()
    {
        drawn.Copy("images", "changed");
        string[] lines = [.. Drawn.Lines];
        lines[0] = """{"prompt": "a pig on a red background"}""";
        await File.WriteAllLinesAsync(drawn.Sjd.PathOf("changed.jsonl"), [.. lines, """{"prompt": "one more"}"""]);

        Finished refused = await drawn.RunAsync("changed.jsonl", "changed");
        Finished drawnAgain = await drawn.RunAsync("changed.jsonl", "changed", "--redraw-changed");

        refused.AssertFailed(
            ExitCode.Output, "1 file in 'changed' would be replaced, because the input or the options have changed since, or another " +
            "program wrote them (the first is 00000.png, line 1)");
        Assert.Equal(0, drawnAgain.ExitCode);
        Assert.Equal(["changed/00000.png", "changed/00005.png"], drawnAgain.Output.TrimEnd('\n').Split('\n').Order(StringComparer.Ordinal));
        Assert.NotEqual(drawn.Hashes("images")["00000.png"], drawn.Hashes("changed")["00000.png"]);
        Assert.Equal(6, File.ReadLines(drawn.Sjd.PathOf("changed/results.jsonl")).Count());
    }

    [ModelFact]
    public async Task Changed_options_are_noticed_too()
    {
        Finished run = await drawn.BatchAsync("images", "--temperature", "0.5");

        run.AssertFailed(ExitCode.Output, "5 files in 'images' would be replaced");
    }

    [ModelFact]
    public async Task A_file_of_another_program_is_not_replaced()
    {
        Directory.CreateDirectory(drawn.Sjd.PathOf("foreign"));
        await File.WriteAllTextAsync(drawn.Sjd.PathOf("foreign/00000.png"), "precious");

        Finished run = await drawn.BatchAsync("foreign");

        run.AssertFailed(ExitCode.Output, "1 file in 'foreign' would be replaced");
        Assert.Equal("precious", await File.ReadAllTextAsync(drawn.Sjd.PathOf("foreign/00000.png")));
        Assert.Equal(["00000.png"], drawn.Sjd.FilesOf("foreign"));
    }

    [ModelFact]
    public async Task An_image_is_drawn_again_from_its_metadata()
    {
        Finished same = await drawn.Sjd.RunAsync("batch", "--from", "images/00001-fox.png", "-o", "again");
        Finished changed = await drawn.Sjd.RunAsync(
            "batch", "--from", "images/00002.jpg", "-o", "again2", "--guidance", "5", "--count", "2");

        Assert.True(same.ExitCode == 0, same.Error);
        Assert.Equal(drawn.Sjd.HashOf("images/00001-fox.png"), drawn.Sjd.HashOf("again/00000.png"));
        Assert.True(changed.ExitCode == 0, changed.Error);
        GenerationData[] data = [.. ((string[])["again2/00000.png", "again2/00001.png"]).Select(
            name => GenerationData.FromJson(ImageFileInfo.Read(drawn.Sjd.PathOf(name)).GenerationJson!))];
        Assert.Equal([2UL, 3], data.Select(image => image.Request.Seed));
        Assert.All(data, image => Assert.Equal(("gsd", 5f), (image.Request.Method, image.Request.Guidance)));
        Assert.All(data, image => Assert.Equal("""{"group_size":9,"group_tolerance":0.15}""", image.Request.MethodOptions!.ToJsonString()));
    }

    [ModelFact]
    public async Task An_image_without_metadata_cannot_be_drawn_again()
    {
        File.WriteAllBytes(drawn.Sjd.PathOf("bare.png"), new SjdOnnx.Runtime.RgbImage(1, 1, new byte[3]).Encode());

        Finished run = await drawn.Sjd.RunAsync("batch", "--from", "bare.png", "-o", "bare");

        run.AssertFailed(ExitCode.Input, "--from 'bare.png' has no generation data of sjd");
    }

    [ModelFact]
    public async Task Images_without_metadata_are_not_drawn_again_either()
    {
        Finished first = await drawn.BatchAsync("plain", "--no-metadata", "--shard", "1/2");
        Finished second = await drawn.BatchAsync("plain", "--no-metadata", "--shard", "1/2");

        Assert.Equal(3, first.Output.TrimEnd('\n').Split('\n').Length);
        Assert.Equal((0, ""), (second.ExitCode, second.Output));
    }

    [ModelFact]
    public async Task All_wrong_lines_are_named_before_anything_is_drawn()
    {
        await File.WriteAllLinesAsync(drawn.Sjd.PathOf("wrong.jsonl"), [
            """{"prompt": "fine"}""", """{"prompt": "a", "size": "64x64"}""", """{"prompt": ""}""",
            """{"prompt": "b", "model": "nonesuch"}""", $"{{\"prompt\": \"{string.Concat(Enumerable.Repeat("pig ", 2000))}\"}}", "nope"]);

        Finished run = await drawn.RunAsync("wrong.jsonl", "wrong");

        Assert.Equal((ExitCode.Input, ""), (run.ExitCode, run.Output));
        string[] lines = run.Error.TrimEnd('\n').Split('\n');
        Assert.Equal(
            ["wrong.jsonl:2", "wrong.jsonl:3", "wrong.jsonl:4", "wrong.jsonl:5", "wrong.jsonl:6", "sjd"],
            lines.Select(line => line[..line.IndexOf(": ", StringComparison.Ordinal)]));
        Assert.Contains("the nearest size it draws is", lines[0], StringComparison.Ordinal);
        Assert.Contains("There is no model 'nonesuch'", lines[2], StringComparison.Ordinal);
        Assert.StartsWith("sjd: 5 lines of 'wrong.jsonl' cannot be drawn, so nothing was drawn;", lines[5], StringComparison.Ordinal);
        Assert.False(Directory.Exists(drawn.Sjd.PathOf("wrong")));
    }

    [ModelFact]
    public async Task Check_draws_nothing_and_says_what_is_missing()
    {
        Finished fresh = await drawn.BatchAsync("fresh", "--check");
        Finished finished = await drawn.BatchAsync("images", "--check");

        Assert.Equal((0, "5 images to draw; every line can be drawn.\n"), (fresh.ExitCode, fresh.Error));
        Assert.False(Directory.Exists(drawn.Sjd.PathOf("fresh")));
        Assert.Equal((0, "5 images: 5 finished, 0 to draw; every line can be drawn.\n"), (finished.ExitCode, finished.Error));
    }

    [ModelFact]
    public async Task A_contact_sheet_shows_the_finished_images()
    {
        Finished run = await drawn.BatchAsync("images", "--sheet", "sheet.webp");

        Assert.True(run.ExitCode == 0, run.Error);
        var sheet = ImageFileInfo.Read(drawn.Sjd.PathOf("sheet.webp"));
        Assert.Equal((SjdOnnx.Runtime.ImageFormat.WebP, 424, 390), (sheet.Format, sheet.Width, sheet.Height));
    }

    [ModelFact]
    public async Task Standard_input_is_read()
    {
        Finished run = await drawn.Sjd.ShellAsync(
            $"printf 'a fox\\n' | sjd batch - -o piped --model '{TestModel.Folder}' --window 8 --method sjd");

        Assert.Equal((0, "piped/00000.png\n"), (run.ExitCode, run.Output));
    }

    [ModelFact(UnixOnly = true)]
    public async Task Ctrl_C_says_how_many_images_are_finished()
    {
        using Process process = drawn.Start("lines.jsonl", "stopped");
        await process.StandardOutput.ReadLineAsync();
        Sjd.Interrupt(process);
        Finished run = await Sjd.FinishAsync(process);

        Assert.Equal(ExitCode.Interrupted, run.ExitCode);
        Assert.Matches("sjd: Stopped: [1-4] of 5 images are finished; the same command draws the others.\n$", run.Error);
    }

    [ModelFact]
    public async Task An_image_that_fails_is_named_and_the_others_are_drawn()
    {
        using var failing = new FailingModel();
        await File.WriteAllLinesAsync(drawn.Sjd.PathOf("failing.txt"), ["fox", "a fox", "pig"]);
        string[] command = ["batch", "failing.txt", "-o", "failing", "--model", failing.Folder, "--precision", "fp32", "--window", "4"];

        Finished first = await drawn.Sjd.RunAsync(command);
        Finished second = await drawn.Sjd.RunAsync(command);

        Assert.Equal(ExitCode.Unexpected, first.ExitCode);
        Assert.Equal(["failing/00000.png", "failing/00002.png"], first.Output.TrimEnd('\n').Split('\n').Order(StringComparer.Ordinal));
        Assert.Contains("00001.png (line 2) failed: ", first.Error, StringComparison.Ordinal);
        Assert.Contains("3 images: 2 drawn, 0 were finished before, 1 failed;", first.Error, StringComparison.Ordinal);
        JsonElement[] results = [.. File.ReadLines(drawn.Sjd.PathOf("failing/results.jsonl")).Select(line => JsonElement.Parse(line))];
        Assert.Equal([false, true, false], results.Select(result => result.TryGetProperty("error", out _)));
        Assert.Equal((ExitCode.Unexpected, ""), (second.ExitCode, second.Output)); // tries that one again
    }

    [ModelFact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        await File.WriteAllTextAsync(drawn.Sjd.PathOf("file"), "");

        Finished run = await drawn.BatchAsync("file/below");

        run.AssertFailed(ExitCode.Output, "'file/below' cannot be written:");
    }

    /// <summary>One batch that many tests look at.</summary>
    public sealed class Drawn : IAsyncLifetime
    {
        internal static readonly string[] Lines =
        [
            """{"prompt": "four strawberries on a pink background"}""",
            """{"prompt": "a fox on a blue background", "id": "fox", "seed": 7, "guidance": 2}""",
            """{"prompt": "a pig above a rocket", "method": "gsd", "group_size": 9, "format": "jpeg", "quality": 80}""",
            """{"prompt": "a rocket", "id": "two", "count": 2}""",
        ];

        internal Sjd Sjd { get; } = new();

        internal Finished Run { get; private set; } = null!;

        internal IReadOnlyList<JsonElement> Results { get; private set; } = [];

        public async Task InitializeAsync()
        {
            if (TestModel.Folder is null)
                return;
            await File.WriteAllLinesAsync(Sjd.PathOf("lines.jsonl"), Lines);
            Run = await BatchAsync("images");
            Assert.True(Run.ExitCode == 0, Run.Error);
            Results = [.. File.ReadLines(Sjd.PathOf("images/results.jsonl")).Select(line => JsonElement.Parse(line))];
        }

        public Task DisposeAsync()
        {
            Sjd.Dispose();
            return Task.CompletedTask;
        }

        internal Task<Finished> BatchAsync(string folder, params string[] options) => RunAsync("lines.jsonl", folder, options);

        internal Task<Finished> RunAsync(string input, string folder, params string[] options) =>
            Sjd.RunAsync(Arguments(input, folder, options));

        internal Process Start(string input, string folder) => Sjd.Start(Arguments(input, folder, "--batch", "2"));

        /// <summary>The hashes of a folder's images by their names.</summary>
        internal SortedDictionary<string, string> Hashes(string folder)
        {
            IEnumerable<string> files = Directory.Exists(Sjd.PathOf(folder)) ? Sjd.FilesOf(folder) : [];
            return new(files.Where(name => !name.StartsWith("results", StringComparison.Ordinal) && !name.StartsWith('.'))
                .ToDictionary(name => name, name => Sjd.HashOf($"{folder}/{name}")), StringComparer.Ordinal);
        }

        internal void Copy(string from, string to)
        {
            Directory.CreateDirectory(Sjd.PathOf(to));
            foreach (string name in Sjd.FilesOf(from))
                File.Copy(Sjd.PathOf($"{from}/{name}"), Sjd.PathOf($"{to}/{name}"));
        }

        private static string[] Arguments(string input, string folder, params string[] options) =>
            ["batch", input, "-o", folder, "--model", TestModel.Folder!, "--method", "sjd", "--window", "8", .. options];
    }
}
