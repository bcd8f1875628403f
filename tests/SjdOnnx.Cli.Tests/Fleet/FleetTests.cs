using System.Diagnostics;
using System.Text;
using System.Text.Json;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Fleet;
using SjdOnnx.Fleet.Tests;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Fleet;

public sealed class FleetTests(Broker broker) : IClassFixture<Broker>, IDisposable
{
    private readonly Sjd _sjd = new();

    public void Dispose() => _sjd.Dispose();

    [BrokerFact]
    public async Task Killed_workers_and_a_killed_broker_lose_no_image_and_change_none()
    {
        const int Images = 24;
        await WritePromptsAsync(Images);
        Finished alone = await _sjd.RunAsync("batch", "prompts.txt", "-o", "alone", "--method", "sjd", "--window", "8");
        Assert.True(alone.ExitCode == 0, alone.Error);
        await SubmitAsync("night", "--method", "sjd", "--window", "8");
        await Task.Delay(Broker.UntilQueuesAreStored);

        using Process first = StartWorker();
        using Process second = StartWorker();
        await first.StandardOutput.ReadLineAsync();
        first.Kill();
        await second.StandardOutput.ReadLineAsync();
        broker.Kill();
        using Process third = StartWorker(); // waits for the broker
        await broker.StartAsync();
        await third.StandardOutput.ReadLineAsync();
        second.Kill();
        Finished last = await Sjd.FinishAsync(third);

        Assert.True(last.ExitCode == 0, last.Error);
        JsonElement status = await StatusAsync("night");
        Assert.Equal((Images, Images, 0, 0), Counts(status));
        Assert.True(status.GetProperty("is_submitted").GetBoolean());
        Assert.Equal(
            _sjd.FilesOf("alone").Where(IsImage),
            _sjd.FilesOf("jobs/night").Where(name => !name.StartsWith("results-of-", StringComparison.Ordinal)));
        Assert.All(
            _sjd.FilesOf("alone").Where(IsImage), name => Assert.Equal(_sjd.HashOf($"alone/{name}"), _sjd.HashOf($"jobs/night/{name}")));

        // The results of the workers serve sjd batch, which has nothing left to draw.
        Finished together = await _sjd.RunAsync("batch", "prompts.txt", "-o", "jobs/night", "--method", "sjd", "--window", "8");
        Assert.Equal((0, ""), (together.ExitCode, together.Output));
        Assert.Equal(_sjd.HashOf("alone/results.jsonl"), _sjd.HashOf("jobs/night/results.jsonl"));
    }

    [BrokerFact]
    public async Task The_results_of_a_finished_job_are_put_together_while_its_worker_waits_for_more()
    {
        await WritePromptsAsync(2);
        await SubmitAsync("done");
        using Process worker = StartWorker(drain: false);
        for (int i = 0; i < 2; i++)
            Assert.StartsWith("jobs/done/", await worker.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);

        Finished together;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        do
        {
            together = await _sjd.RunAsync("batch", "prompts.txt", "-o", "jobs/done", "--model", TestModel.Folder!);
        }
        while (together.ExitCode == ExitCode.Output && !patience.IsCancellationRequested); // until the worker has settled the messages

        Assert.True(together.ExitCode == 0, together.Error);
        Assert.Empty(together.Output);
        Assert.False(worker.HasExited);
        Assert.Contains("results.jsonl", _sjd.FilesOf("jobs/done"));
        worker.Kill();
    }

    [BrokerFact]
    public async Task A_job_of_several_precisions_says_which_workers_it_needs()
    {
        await File.WriteAllLinesAsync(
            _sjd.PathOf("prompts.jsonl"), ["""{"prompt": "a pig", "precision": "fp32"}""", """{"prompt": "a fox", "precision": "int8"}"""]);

        Finished submitted = await RunAsync("submit", "prompts.jsonl", "--job", "several", "--model", TestModel.Folder!);

        Assert.True(submitted.ExitCode == 0, submitted.Error);
        string name = RequestChecker.Open(TestModel.Folder!).Model.Name;
        foreach (string precision in (string[])["fp32", "int8"])
        {
            Assert.Contains(
                $"1 image for workers with --model {name} --precision {precision}.", submitted.Error, StringComparison.Ordinal);
        }
    }

    [BrokerFact]
    public async Task Messages_that_cannot_be_drawn_are_given_up_with_a_reason_and_stop_no_worker()
    {
        await WritePromptsAsync(2);
        await SubmitAsync("poisoned");
        (string Body, string Reason)[] poison =
        [
            ("noise", "is an invalid"),
            (Message("poisoned", 10, "../../escaped.png"), "'../../escaped.png'"),
            (Message("../escaped", 11, "a.png"), "'../escaped'"),
            (Message("poisoned", 12, "a.exe"), "'a.exe'"),
            (Message("poisoned", 13, "b.png", ("guidance", "-3")), "--guidance is '-3'"),
            (Message("poisoned", 14, "c.png", ("size", "1x1")), "The model cannot draw 1x1"),
            (Message("poisoned", 15, "d.png", ("rm", "-rf")), "there is no option 'rm'"),
        ];
        string queue = QueueOf(RequestChecker.Open(TestModel.Folder!).Model);
        await using (FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test"))
            await connection.PublishAsync(queue, poison.Select(each => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(each.Body))));

        Finished worker = await Sjd.FinishAsync(StartWorker());

        Assert.Equal(0, worker.ExitCode);
        Assert.Equal(["jobs/poisoned/00000.png", "jobs/poisoned/00001.png"], DrawnBy(worker, "poisoned"));
        Assert.All(poison, each => Assert.Contains(
            worker.Error.Split('\n'), line => line.Contains("was given up: ", StringComparison.Ordinal)
                && line.Contains(each.Reason, StringComparison.Ordinal)));
        Assert.Equal(["jobs", "prompts.txt"], _sjd.Files);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_sjd.Folder, "*", SearchOption.AllDirectories), path =>
            Path.GetFileName(path) is "escaped" or "escaped.png" or "a.exe" or "b.png");
        JsonElement status = await StatusAsync("poisoned");
        Assert.Equal(2, status.GetProperty("done").GetInt32());
        Assert.Equal(
            ["../../escaped.png", "a.exe", "b.png", "c.png", "d.png"],
            status.GetProperty("failed").EnumerateArray().Select(failed => failed.GetProperty("file").GetString()));
    }

    [BrokerFact]
    public async Task An_image_that_ended_its_worker_too_often_is_given_up_until_it_is_submitted_again()
    {
        await WritePromptsAsync(2);
        await SubmitAsync("deadly");
        Directory.CreateDirectory(_sjd.PathOf("jobs/deadly"));
        const string Ended = "The worker m-1 ended while it drew this image and no other.";
        await File.WriteAllLinesAsync(_sjd.PathOf("jobs/deadly/.00001.png.failures"), Enumerable.Repeat(Ended, 3));

        Finished worker = await Sjd.FinishAsync(StartWorker());
        JsonElement status = await StatusAsync("deadly");
        await SubmitAsync("deadly");
        Finished again = await Sjd.FinishAsync(StartWorker());

        Assert.Equal(["jobs/deadly/00000.png"], DrawnBy(worker, "deadly"));
        Assert.Equal(
            $"00001.png: {Ended}",
            string.Join("; ", status.GetProperty("failed").EnumerateArray()
                .Select(failed => $"{failed.GetProperty("file").GetString()}: {failed.GetProperty("reason").GetString()}")));
        Assert.Equal(["jobs/deadly/00001.png"], DrawnBy(again, "deadly"));
        Assert.Equal((2, 2, 0, 0), Counts(await StatusAsync("deadly")));
        Assert.DoesNotContain(".00001.png.failures", _sjd.FilesOf("jobs/deadly"));
    }

    [BrokerFact]
    public async Task An_image_that_fails_is_tried_again_and_then_given_up_and_others_are_drawn()
    {
        using var failing = new FailingModel();
        await File.WriteAllLinesAsync(_sjd.PathOf("prompts.txt"), ["fox", "a fox", "pig"]);
        string[] model = ["--model", failing.Folder, "--precision", "fp32"];
        Finished submitted = await RunAsync(["submit", "prompts.txt", "--job", "failing", "--window", "4", .. model]);
        Assert.True(submitted.ExitCode == 0, submitted.Error);

        Finished worker = await RunAsync(["worker", "-o", "jobs", "--drain", "--max-failures", "2", .. model]);

        Assert.True(worker.ExitCode == 0, worker.Error);
        Assert.Equal(["jobs/failing/00000.png", "jobs/failing/00002.png"], DrawnBy(worker, "failing"));
        JsonElement status = await StatusAsync("failing");
        Assert.Equal((3, 2, 1, 0), Counts(status));
        Assert.Contains("transformer.fp32", status.GetProperty("failed")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_sjd.FilesOf("jobs/failing"), name => name.StartsWith('.'));
    }

    [BrokerFact]
    public async Task Wrong_lines_put_nothing_on_the_queue()
    {
        await File.WriteAllLinesAsync(_sjd.PathOf("prompts.txt"), ["fine", string.Concat(Enumerable.Repeat("pig ", 2000))]);

        Finished submitted = await RunAsync("submit", "prompts.txt", "--job", "wrong");
        Finished status = await RunAsync("status", "--job", "wrong");

        Assert.Equal(ExitCode.Input, submitted.ExitCode);
        Assert.StartsWith("prompts.txt:2: ", submitted.Error, StringComparison.Ordinal);
        status.AssertFailed(ExitCode.Input, "There is no job 'wrong'");
    }

    [BrokerFact]
    public async Task A_job_of_the_same_name_with_other_images_is_refused()
    {
        await WritePromptsAsync(2);
        await SubmitAsync("named");

        Finished other = await RunAsync("submit", "prompts.txt", "--job", "named", "--guidance", "5");

        other.AssertFailed(ExitCode.Request, "There is a job 'named' with other images or options (2 images)");
    }

    [BrokerFact]
    public async Task A_wrong_password_ends_every_command()
    {
        await WritePromptsAsync(1);
        _sjd.Variables["SJD_QUEUE_PASSWORD"] = "secret";
        foreach (string[] command in (string[][])
            [["submit", "prompts.txt", "--job", "x"], ["worker", "-o", "jobs"], ["status", "--job", "x"]])
        {
            Finished run = await RunAsync(command);

            Assert.Equal(ExitCode.Queue, run.ExitCode);
            Assert.Contains("refuses access", run.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", run.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--job is 'a/b'; it must be 1 to 100 letters", "status", "--job", "a/b")]
    [InlineData("Option '--job' is required", "status")]
    [InlineData("Option '--output' is required", "worker")]
    [InlineData("There is no queue; give --queue amqp://HOST, or set SJD_QUEUE.", "status", "--job", "x")]
    [InlineData("The queue's URL must be such as", "status", "--job", "x", "--queue", "localhost")]
    [InlineData("There is no FILE", "submit", "--job", "x", "--queue", "amqp://127.0.0.1:1")]
    public async Task Wrong_arguments_are_refused(string because, params string[] arguments)
    {
        Finished run = await _sjd.RunAsync(arguments);

        run.AssertFailed(ExitCode.Usage, because);
    }

    [ModelFact]
    public async Task A_queue_that_is_not_there_ends_submit_and_status()
    {
        await WritePromptsAsync(1);
        foreach (string[] command in (string[][])[["submit", "prompts.txt"], ["status"]])
            (await _sjd.RunAsync([.. command, "--job", "x", "--queue", "amqp://127.0.0.1:1"]))
                .AssertFailed(ExitCode.Queue, "The queue amqp://127.0.0.1:1 cannot be reached");
    }

    /// <summary>The files that a worker named. Its queue may have images of other tests' jobs too.</summary>
    private static IEnumerable<string> DrawnBy(Finished worker, string job) =>
        worker.Output.Split('\n').Where(name => name.StartsWith($"jobs/{job}/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private static bool IsImage(string name) => name.EndsWith(".png", StringComparison.Ordinal);

    private static (int Images, int Done, int Failed, int Waiting) Counts(JsonElement status) => (
        status.GetProperty("images").GetInt32(), status.GetProperty("done").GetInt32(), status.GetProperty("failed").GetArrayLength(),
        status.GetProperty("waiting").GetInt32());

    private static string QueueOf(ModelDescription model) =>
        FleetNames.WorkOf(model.Name, model.Hash, model.Precision.Name, TextToImage.Version);

    private static string Message(string job, int index, string file, params (string Name, string Value)[] values)
    {
        var options = values.ToDictionary(value => value.Name, value => value.Value);
        return Encoding.UTF8.GetString(new ImageMessage(job, index, 1, file, "a fox", 1, options).ToBytes());
    }

    private Task WritePromptsAsync(int images) =>
        File.WriteAllLinesAsync(_sjd.PathOf("prompts.txt"), Enumerable.Range(0, images).Select(i => $"{i} pigs on a red background"));

    private async Task SubmitAsync(string job, params string[] options)
    {
        Finished submitted = await RunAsync(["submit", "prompts.txt", "--job", job, "--model", TestModel.Folder!, .. options]);
        Assert.True(submitted.ExitCode == 0, submitted.Error);
    }

    private async Task<JsonElement> StatusAsync(string job)
    {
        Finished status = await RunAsync("status", "--job", job, "--json");
        Assert.True(status.ExitCode == 0, status.Error);
        return JsonElement.Parse(status.Output);
    }

    private Process StartWorker(bool drain = true)
    {
        _sjd.Variables["SJD_QUEUE"] = broker.Url;
        string[] command = ["worker", "-o", "jobs", "--model", TestModel.Folder!, "--batch", "2"];
        return _sjd.Start(drain ? [.. command, "--drain"] : command);
    }

    private Task<Finished> RunAsync(params string[] arguments)
    {
        _sjd.Variables["SJD_QUEUE"] = broker.Url;
        return _sjd.RunAsync(arguments);
    }
}
