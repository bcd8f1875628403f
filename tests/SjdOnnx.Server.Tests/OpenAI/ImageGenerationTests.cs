using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Server.Tests.OpenAI;

[Collection(nameof(DefaultServer))]
public sealed class ImageGenerationTests(DefaultServer fixture)
{
    private const string Prompt = "a fox on a blue background";

    private readonly RunningServer _server = fixture.Server;

    [Fact]
    public async Task The_same_seed_gives_the_same_file_which_records_the_request()
    {
        var request = new { prompt = Prompt, seed = 7, window = 16, temperature = 0.9 };
        JsonNode first = await (await _server.GenerateAsync(request)).JsonAsync();
        JsonNode second = await (await _server.GenerateAsync(request)).JsonAsync();

        byte[] file = first.Image();
        Answers.AssertPng(file);
        Assert.Equal(file, second.Image());
        using var stream = new MemoryStream(file);
        var data = GenerationData.FromJson(ImageFileInfo.Read(stream).GenerationJson!);
        Assert.Equal((Prompt, 7UL, 0.9f), (data.Request.Prompt, data.Request.Seed, data.Request.Temperature));
        Assert.Equal(7, (int)first["data"]![0]!["seed"]!);
        Assert.Equal("128x128", (string)first["size"]!);
        Assert.Equal(256, (int)first["usage"]!["output_tokens"]!);
        Assert.Equal((int)first["usage"]!["total_tokens"]!, (int)first["usage"]!["input_tokens"]! + 256);
    }

    [Fact]
    public async Task Several_images_have_consecutive_seeds_and_are_in_their_order()
    {
        JsonNode answer = await (await _server.GenerateAsync(new { prompt = Prompt, n = 3, seed = 40, window = 16 })).JsonAsync();
        JsonNode single = await (await _server.GenerateAsync(new { prompt = Prompt, seed = 42, window = 16 })).JsonAsync();

        Assert.Equal([40, 41, 42], answer["data"]!.AsArray().Select(image => (int)image!["seed"]!));
        Assert.Equal(single.Image(), answer.Image(2));
    }

    [Theory]
    [InlineData("jpeg", new byte[] { 0xff, 0xd8 })]
    [InlineData("webp", new byte[] { (byte)'R', (byte)'I', (byte)'F', (byte)'F' })]
    [InlineData("png", new byte[] { 0x89, (byte)'P', (byte)'N', (byte)'G' })]
    public async Task The_output_format_is_the_one_that_was_asked_for(string format, byte[] signature)
    {
        JsonNode answer = await (await _server.GenerateAsync(
            new { prompt = Prompt, seed = 1, output_format = format, output_compression = 80 })).JsonAsync();

        Assert.Equal(signature, answer.Image()[..signature.Length]);
        Assert.Equal(format, (string)answer["output_format"]!);
    }

    [Fact]
    public async Task An_answer_by_address_leads_to_the_file()
    {
        JsonNode answer = await (await _server.GenerateAsync(
            new { prompt = Prompt, seed = 3, response_format = "url", output_format = "webp" })).JsonAsync();

        string address = (string)answer["data"]![0]!["url"]!;
        using HttpResponseMessage file = await _server.Client.GetAsync(new Uri(address));
        Assert.Equal("image/webp", file.Content.Headers.ContentType!.MediaType);
        Assert.Equal("RIFF"u8.ToArray(), (await file.Content.ReadAsByteArrayAsync())[..4]);
        string wrong = address.Replace("files/", "files/0", StringComparison.Ordinal);
        using HttpResponseMessage other = await _server.Client.GetAsync(new Uri(wrong));
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    [Fact]
    public async Task What_Open_WebUI_sends_is_drawn()
    {
        var request = new { model = "emoji", prompt = Prompt, n = 1, size = "128x128", response_format = "b64_json" };

        JsonNode answer = await (await _server.GenerateAsync(request)).JsonAsync();

        Answers.AssertPng(answer.Image());
    }

    [Fact]
    public async Task What_LibreChat_sends_is_drawn_and_what_has_no_effect_is_noted()
    {
        var request = new
        {
            model = "emoji",
            prompt = Prompt,
            n = 1,
            background = "auto",
            output_format = "webp",
            output_compression = 100,
            quality = "auto",
            size = "auto",
        };

        JsonNode answer = await (await _server.GenerateAsync(request)).JsonAsync();

        Assert.Equal("RIFF"u8.ToArray(), answer.Image()[..4]);
        Assert.Contains("quality is ignored", (string)Assert.Single(answer["notes"]!.AsArray())!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steps_are_ignored_with_a_note_and_a_null_is_a_field_that_is_not_there()
    {
        JsonNode answer = await (await _server.GenerateAsync(
            new { prompt = Prompt, steps = 20, seed = (int?)null, n = (int?)null, negative_prompt = "", user = "someone" })).JsonAsync();

        Answers.AssertPng(answer.Image());
        Assert.Contains("steps is ignored", (string)Assert.Single(answer["notes"]!.AsArray())!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{}""", 400, "There is no prompt", "prompt")]
    [InlineData("""{"prompt":""}""", 400, "The prompt is empty", null)]
    [InlineData("""{"prompt":7}""", 400, "prompt is a number; it must be text", "prompt")]
    [InlineData("""{"prompt":["a fox"]}""", 400, "prompt is an array; it must be text", "prompt")]
    [InlineData("""{"prompt":"a\ud800"}""", 400, "half a surrogate pair", null)]
    [InlineData("""{"prompt":"a fox","\udc00":1}""", 400, "half a surrogate pair", null)]
    [InlineData("""{"prompt":"a fox","n":0}""", 400, "n is 0; it must be a whole number from 1 to 10", "n")]
    [InlineData("""{"prompt":"a fox","n":11}""", 400, "n is 11", "n")]
    [InlineData("""{"prompt":"a fox","n":1.5}""", 400, "n is 1.5", "n")]
    [InlineData("""{"prompt":"a fox","size":"1024x1024"}""", 400, "the nearest size that it draws is 128x128", "size")]
    [InlineData("""{"prompt":"a fox","size":"big"}""", 400, "size is 'big'", "size")]
    [InlineData("""{"prompt":"a fox","seed":-2}""", 400, "seed is -2", "seed")]
    [InlineData("""{"prompt":"a fox","seed":18446744073709551615,"n":2}""", 400, "beyond the largest seed", "seed")]
    [InlineData("""{"prompt":"a fox","guidance_scale":1e999}""", 400, "guidance_scale is 1e999", "guidance_scale")]
    [InlineData("""{"prompt":"a fox","method":"magic"}""", 400, "method is 'magic'", "method")]
    [InlineData("""{"prompt":"a fox","method":"sjd2"}""", 400, "cannot draw by the method sjd2", "method")]
    [InlineData("""{"prompt":"a fox","window":"wide"}""", 400, "window is 'wide'", "window")]
    [InlineData("""{"prompt":"a fox","negative_prompt":"a cat"}""", 400, "reads no negative prompt", null)]
    [InlineData("""{"prompt":"a fox","background":"transparent"}""", 400, "the images are opaque", "background")]
    [InlineData("""{"prompt":"a fox","partial_images":2}""", 400, "without stream", "partial_images")]
    [InlineData("""{"prompt":"a fox","stream":true,"n":2}""", 400, "with stream it must be 1", "n")]
    [InlineData("""{"prompt":"a fox","image":"data:image/png;base64,AAAA"}""", 400, "There is no parameter 'image'", "image")]
    [InlineData("""{"prompt":"a fox","model":"gpt-image-1"}""", 404, "There is no model 'gpt-image-1'; choose one of emoji", "model")]
    [InlineData("""{"prompt":"a fox","prompt":"a cat"}""", 400, "not the JSON that was expected", null)]
    [InlineData("""["a fox"]""", 400, "It must be an object", null)]
    [InlineData("""{"prompt":""", 400, "not the JSON that was expected", null)]
    public async Task A_request_that_cannot_be_drawn_is_answered_with_the_reason(string body, int status, string reason, string? parameter)
    {
        using HttpResponseMessage response = await _server.Client.PostAsync(
            "/v1/images/generations", new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.Equal(status, (int)response.StatusCode);
        JsonNode error = (await response.JsonAsync())["error"]!;
        Assert.Contains(reason, (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal("invalid_request_error", (string)error["type"]!);
        Assert.Equal(parameter, (string?)error["param"]);
        Assert.NotNull((string?)error["code"]);
    }

    [Fact]
    public async Task Another_content_type_and_too_large_a_body_are_refused()
    {
        using HttpResponseMessage form = await _server.Client.PostAsync(
            "/v1/images/generations", new FormUrlEncodedContent(new Dictionary<string, string> { ["prompt"] = Prompt }));
        using HttpResponseMessage large = await _server.GenerateAsync(new { prompt = Prompt, user = new string('u', 2 << 20) });
        using HttpResponseMessage longPrompt = await _server.GenerateAsync(new { prompt = new string('a', 5000) });

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.StatusCode);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        Assert.Contains("at most 1048576 bytes", (string)(await large.JsonAsync())["error"]!["message"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, longPrompt.StatusCode);
        var reason = (string)(await longPrompt.JsonAsync())["error"]!["message"]!;
        Assert.Contains("prompt has 5000 characters", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_listed_and_an_unknown_address_is_not_found_in_the_same_form()
    {
        JsonNode list = await (await _server.Client.GetAsync("/v1/models")).JsonAsync();
        JsonNode one = await (await _server.Client.GetAsync("/v1/models/emoji")).JsonAsync();
        using HttpResponseMessage none = await _server.Client.GetAsync("/v1/models/other");
        using HttpResponseMessage edits = await _server.PostAsync("/v1/images/edits", new { });

        Assert.Equal("emoji", (string)list["data"]![0]!["id"]!);
        Assert.Equal("model", (string)one["object"]!);
        Assert.Equal((HttpStatusCode.NotFound, "model_not_found"), (none.StatusCode, (string)(await none.JsonAsync())["error"]!["code"]!));
        Assert.Equal((HttpStatusCode.NotFound, "not_found"), (edits.StatusCode, (string)(await edits.JsonAsync())["error"]!["code"]!));
    }

    [Fact]
    public async Task On_request_unknown_models_and_sizes_are_drawn_with_the_nearest_and_a_note()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            static options => (options.AcceptUnknownModels, options.AcceptUnknownSizes) = (true, true));

        var request = new { model = "gpt-image-1", prompt = Prompt, size = "1024x1024" };
        JsonNode answer = await (await server.GenerateAsync(request)).JsonAsync();

        Assert.Equal("128x128", (string)answer["size"]!);
        Assert.Equal(
            ["There is no model 'gpt-image-1'; emoji drew the images.",
             "emoji does not draw the size 1024x1024; the images have the nearest size, 128x128."],
            answer["notes"]!.AsArray().Select(static note => (string)note!));
    }
}
