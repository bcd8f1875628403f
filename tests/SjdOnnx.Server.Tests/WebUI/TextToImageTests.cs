using System.Net;
using System.Text.Json.Nodes;

namespace SjdOnnx.Server.Tests.WebUI;

[Collection(nameof(DefaultServer))]
public sealed class TextToImageTests(DefaultServer fixture)
{
    private const string Prompt = "a fox on a blue background";

    private readonly RunningServer _server = fixture.Server;

    [Fact]
    public async Task What_Open_WebUI_sends_is_drawn_and_the_info_says_how()
    {
        var request = new { prompt = Prompt, batch_size = 2, width = 128, height = 128, steps = 50, seed = 11, sampler_name = "Euler a" };

        JsonNode answer = await (await _server.PostAsync("/sdapi/v1/txt2img", request)).JsonAsync();

        Assert.Equal(2, answer["images"]!.AsArray().Count);
        Assert.All(answer["images"]!.AsArray(), static image => Answers.AssertPng(Convert.FromBase64String((string)image!)));
        Assert.Equal("Euler a", (string)answer["parameters"]!["sampler_name"]!);
        JsonNode info = JsonNode.Parse((string)answer["info"]!)!;
        Assert.Equal(Prompt, (string)info["prompt"]!);
        Assert.Equal([11, 12], info["all_seeds"]!.AsArray().Select(static seed => (int)seed!));
        Assert.Equal(("emoji", 128, 128), ((string)info["sd_model_name"]!, (int)info["width"]!, (int)info["height"]!));
        Assert.Contains("Seed: 12, Size: 128x128", (string)info["infotexts"]![1]!, StringComparison.Ordinal);
        Assert.Contains("steps is ignored", (string)info["notes"]![0]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_other_programs_send_is_drawn_although_the_model_reads_no_negative_prompt()
    {
        var request = new
        {
            prompt = Prompt,
            negative_prompt = "blurry",
            cfg_scale = 4.5,
            steps = 22,
            seed = -1,
            n_iter = 2,
            sampler_index = "Euler",
            restore_faces = false,
            tiling = false,
            enable_hr = false,
            denoising_strength = 0,
            s_churn = 0,
            styles = Array.Empty<string>(),
            override_settings = new { sd_model_checkpoint = "emoji" },
            send_images = true,
            save_images = false,
            alwayson_scripts = new { },
        };

        JsonNode answer = await (await _server.PostAsync("/sdapi/v1/txt2img", request)).JsonAsync();

        JsonNode info = JsonNode.Parse((string)answer["info"]!)!;
        Assert.Equal((4.5, 2), ((double)info["cfg_scale"]!, (int)info["batch_size"]!));
        Assert.Contains("negative_prompt is ignored", info["notes"]!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt":"a fox","width":1024,"height":1024}""", 400, "the nearest size that it draws is 128x128")]
    [InlineData("""{"prompt":"a fox","enable_hr":true}""", 400, "enable_hr is true")]
    [InlineData("""{"prompt":"a fox","batch_size":5,"n_iter":5}""", 400, "one request draws at most 10 images")]
    [InlineData("""{"prompt":"a fox","override_settings":{"sd_model_checkpoint":"sd15"}}""", 404, "There is no model 'sd15'")]
    [InlineData("""{"prompt":"a fox","override_settings":7}""", 400, "override_settings is 7")]
    public async Task A_request_that_cannot_be_drawn_is_answered_with_the_reason(string body, int status, string reason)
    {
        using HttpResponseMessage response = await _server.PostAsync("/sdapi/v1/txt2img", JsonNode.Parse(body)!);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Contains(reason, (string)(await response.JsonAsync())["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_has_a_preview_while_an_image_is_drawn_and_nothing_afterwards()
    {
        Task<HttpResponseMessage> drawing = _server.PostAsync("/sdapi/v1/txt2img", new { prompt = Prompt, method = "ar" });
        JsonNode? seen = null;
        await RunningServer.EventuallyAsync(async () =>
        {
            JsonNode progress = await (await _server.Client.GetAsync("/sdapi/v1/progress")).JsonAsync();
            seen = string.IsNullOrEmpty((string?)progress["current_image"]) ? seen : progress;
            return seen is not null || drawing.IsCompleted;
        });

        Assert.NotNull(seen);
        Answers.AssertPng(Convert.FromBase64String((string)seen["current_image"]!));
        Assert.InRange((double)seen["progress"]!, 0.01, 1);
        Assert.Equal(1, (int)seen["state"]!["job_count"]!);
        Assert.Equal(HttpStatusCode.OK, (await drawing).StatusCode);
        JsonNode after = await (await _server.Client.GetAsync("/sdapi/v1/progress?skip_current_image=true")).JsonAsync();
        Assert.Equal((0, null), ((double)after["progress"]!, (string?)after["current_image"]));
    }

    [Fact]
    public async Task A_request_that_is_refused_does_not_hide_the_progress_of_another()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options => options.MaxPendingImages = 4);
        await server.WhenReadyAsync();
        Task<HttpResponseMessage> drawing = server.PostAsync("/sdapi/v1/txt2img", new { prompt = Prompt, method = "ar", batch_size = 4 });
        await RunningServer.EventuallyAsync(async () => await ProgressAsync() > 0);

        using HttpResponseMessage refused = await server.PostAsync("/sdapi/v1/txt2img", new { prompt = Prompt });

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.True(await ProgressAsync() > 0);
        Assert.Equal(HttpStatusCode.OK, (await drawing).StatusCode);

        async Task<double> ProgressAsync() =>
            (double)(await (await server.Client.GetAsync("/sdapi/v1/progress")).JsonAsync())["progress"]!;
    }

    [Fact]
    public async Task An_interrupted_request_ends()
    {
        Task<HttpResponseMessage> drawing = _server.PostAsync("/sdapi/v1/txt2img", new { prompt = Prompt, method = "ar", batch_size = 8 });
        await RunningServer.EventuallyAsync(async () =>
            (double)(await (await _server.Client.GetAsync("/sdapi/v1/progress")).JsonAsync())["progress"]! > 0);

        await _server.PostAsync("/sdapi/v1/interrupt", new { });

        using HttpResponseMessage response = await drawing;
        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.Equal("interrupted", (string)(await response.JsonAsync())["error"]!);
    }

    [Fact]
    public async Task Models_samplers_and_options_are_listed_without_a_path_and_the_model_can_be_chosen()
    {
        string models = await _server.Client.GetStringAsync("/sdapi/v1/sd-models");
        JsonNode model = JsonNode.Parse(models)![0]!;
        Assert.Equal(("emoji", "emoji"), ((string)model["model_name"]!, (string)model["filename"]!));
        Assert.Equal($"emoji [{(string)model["hash"]!}]", (string)model["title"]!);
        Assert.StartsWith((string)model["hash"]!, (string)model["sha256"]!, StringComparison.Ordinal);
        Assert.Contains("\"SJD\"", await _server.Client.GetStringAsync("/sdapi/v1/samplers"), StringComparison.Ordinal);

        JsonNode options = await (await _server.Client.GetAsync("/sdapi/v1/options")).JsonAsync();
        Assert.Equal((string)model["title"]!, (string)options["sd_model_checkpoint"]!);
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync("/sdapi/v1/options", options)).StatusCode);
        using HttpResponseMessage other = await _server.PostAsync("/sdapi/v1/options", new { sd_model_checkpoint = "sd15" });
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }
}
