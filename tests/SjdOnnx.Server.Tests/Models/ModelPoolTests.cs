using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SjdOnnx.Cli.Serve;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.Tests.Models;

public sealed class ModelPoolTests
{
    [Fact]
    public async Task Models_are_loaded_when_they_are_asked_for_and_the_least_recently_used_makes_room()
    {
        await using RunningServer server = await StartAsync(models: 3, room: 2);
        var pool = server.Services.GetRequiredService<ModelPool>();
        Assert.Equal(["a"], Loaded());

        await DrawAsync("b");
        Assert.Equal(["a", "b"], Loaded());
        await DrawAsync("a");
        await DrawAsync("c");

        Assert.Equal(["a", "c"], Loaded());

        string[] Loaded() => [.. pool.All.Where(static model => model.Loaded is not null).Select(static model => model.Name)];

        async Task DrawAsync(string model) => Assert.Equal(
            HttpStatusCode.OK, (await server.GenerateAsync(new { model, prompt = "a fox", window = 16 })).StatusCode);
    }

    [Fact]
    public async Task Requests_for_more_models_than_there_is_room_for_are_all_answered()
    {
        await using RunningServer server = await StartAsync(models: 3, room: 1);

        JsonNode[] answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(async i => await (await server.GenerateAsync(
            new { model = "abc"[i % 3].ToString(), prompt = "a fox", seed = 5, window = 16 })).JsonAsync()));

        Assert.All(answers, answer => Assert.Equal(answers[0].Image(), answer.Image()));
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_is_503_without_a_path_and_the_others_go_on()
    {
        string folder = Directory.CreateTempSubdirectory("sjdonnx-server-").FullName;
        try
        {
            foreach (string file in Directory.EnumerateFiles(RunningServer.ModelFolder))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            byte[] graph = await File.ReadAllBytesAsync(Path.Combine(folder, "image_decoder.onnx"));
            await File.WriteAllBytesAsync(Path.Combine(folder, "image_decoder.onnx"), new byte[graph.Length]);
            await using RunningServer server = await RunningServer.StartAsync(change: options => options with
            {
                Models = [new ServedModel("good", RunningServer.ModelFolder), new ServedModel("bad", folder)],
            });
            await server.WhenReadyAsync();

            using HttpResponseMessage bad = await server.GenerateAsync(new { model = "bad", prompt = "a fox" });
            using HttpResponseMessage good = await server.GenerateAsync(new { model = "good", prompt = "a fox" });

            Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK), (bad.StatusCode, good.StatusCode));
            string answer = await bad.Content.ReadAsStringAsync();
            Assert.Equal("model_not_loaded", (string)JsonNode.Parse(answer)!["error"]!["code"]!);
            Assert.DoesNotContain(folder, answer, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_server_is_not_ready_before_its_model_is_loaded()
    {
        await using RunningServer server = await RunningServer.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health/live")).StatusCode);
        if (server.Services.GetRequiredService<ModelPool>().LoadedCount == 0)
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.Client.GetAsync("/health/ready")).StatusCode);
        await server.WhenReadyAsync();
        Assert.Equal(1, server.Services.GetRequiredService<ModelPool>().LoadedCount);
    }

    [Theory]
    [InlineData("no models", "There is no model")]
    [InlineData("an unknown default", "DefaultModel is 'other'; it must be one of emoji")]
    [InlineData("a folder that is not there", "There is no model folder")]
    [InlineData("too little memory", "The model emoji needs about")]
    [InlineData("no images", "MaxPendingImages is 0; it must be 1 or more")]
    [InlineData("a short key", "An API key is too short")]
    [InlineData("an address for an origin", "The CORS origin is 'https://app.example/page'")]
    [InlineData("a name with a slash", "A model is called 'a/b'")]
    [InlineData("no time", "TimeLimit is 00:00:00")]
    public void Wrong_options_are_sentences(string what, string sentence)
    {
        var options = new SjdOnnxServerOptions();
        options.Models["emoji"] = new SjdOnnxOptions { Model = RunningServer.ModelFolder };
        switch (what)
        {
            case "no models": options.Models.Clear(); break;
            case "an unknown default": options.DefaultModel = "other"; break;
            case "a folder that is not there": options.Models["emoji"].Model = "/no/such/folder"; break;
            case "too little memory": options.MaxMemoryBytes = 1 << 20; break;
            case "no images": options.MaxPendingImages = 0; break;
            case "a short key": options.ApiKeys.Add("secret"); break;
            case "an address for an origin": options.CorsOrigins.Add("https://app.example/page"); break;
            case "a name with a slash": options.Models["a/b"] = options.Models["emoji"]; break;
            case "no time": options.TimeLimit = TimeSpan.Zero; break;
        }

        ValidateOptionsResult result = new SjdOnnxServerOptionsValidator().Validate(null, options);

        Assert.Contains(result.Failures!, failure => failure.Contains(sentence, StringComparison.Ordinal));
    }

    /// <summary>Starts a server of several names for the built-in model, with memory for only some of them.</summary>
    private static async Task<RunningServer> StartAsync(int models, int room)
    {
        var one = new SjdOnnxOptions { Model = RunningServer.ModelFolder };
        long bytes = PooledModel.Read("a", one).Bytes;
        return await (await RunningServer.StartAsync(
            options => options.MaxMemoryBytes = room * bytes,
            options => options with
            {
                Models = [.. Enumerable.Range(0, models).Select(i => new ServedModel("abc"[i].ToString(), RunningServer.ModelFolder))],
            })).WhenReadyAsync();
    }
}
