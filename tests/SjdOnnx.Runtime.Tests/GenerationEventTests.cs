using System.Text.Json;
using System.Text.Json.Nodes;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime.Tests;

[Collection(UsesLoadedModel.Name)]
public class GenerationEventTests(LoadedTestModel loaded)
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox", Seed = 3 };
    private static readonly GenerationOptions Grouped = new()
    {
        Method = new GroupedAcceptance { GroupSize = 9 },
        Window = 16,
        PreviewEveryRows = 8,
    };

    /// <summary>As a web server writes what an endpoint returns.</summary>
    [ModelFact]
    public async Task A_stream_becomes_JSON_with_types_numbers_and_images_that_decode()
    {
        using var body = new MemoryStream();
        await JsonSerializer.SerializeAsync(body, loaded.Model.StreamAsync(Fox, Grouped), Web);
        JsonObject[] events = [.. JsonNode.Parse(body.ToArray())!.AsArray().Select(one => one!.AsObject())];
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, Grouped);

        JsonObject[] progress = [.. events.Where(one => Type(one) == "progress")];
        Assert.Equal(image.ForwardPasses + 1, progress.Length);
        Assert.Equal(256, (int)progress[^1]["tokens"]!);
        Assert.Equal(256, (int)progress[^1]["totalTokens"]!);
        Assert.Equal(image.ForwardPasses, (int)progress[^1]["forwardPasses"]!);
        Assert.True(TimeSpan.Parse((string)progress[^1]["elapsed"]!, null) > TimeSpan.Zero);

        JsonObject preview = Assert.Single(events, one => Type(one) == "preview");
        Assert.InRange((int)preview["finishedHeight"]!, 64, 120);
        Assert.Equal(image.Pixels.Rgb.Length, Decoded(preview["image"]!).Length);

        JsonNode completed = events[^1];
        Assert.Equal("completed", Type(completed));
        Assert.Equal(image.Pixels.Rgb.ToArray(), Decoded(completed["image"]!["pixels"]!));
        Assert.Equal(image.TokenIds, completed["image"]!["tokenIds"]!.AsArray().Select(id => (int)id!));
        JsonNode settings = completed["image"]!["settings"]!;
        Assert.Equal(("a fox", 3, 16), ((string)settings["prompt"]!, (int)settings["seed"]!, (int)settings["window"]!));
        Assert.Equal("""{"name":"gsd","groupSize":9,"groupTolerance":0.15}""", settings["method"]!.ToJsonString());
        Assert.Equal(("int8", "cpu"), ((string)settings["precision"]!, (string)settings["provider"]!));
    }

    /// <summary>One event at a time, as server-sent events are written.</summary>
    [ModelFact]
    public async Task Every_event_has_a_type_in_JSON()
    {
        var types = new HashSet<string>();
        await foreach (GenerationEvent happened in loaded.Model.StreamAsync(Fox, Grouped))
            types.Add(Type(JsonSerializer.SerializeToNode(happened, Web)!));
        Assert.Equal(["completed", "preview", "progress"], types.Order());
    }

    [ModelFact]
    public async Task An_image_in_JSON_is_written_and_not_read()
    {
        GeneratedImage image = await loaded.Model.GenerateAsync(Fox);
        string json = JsonSerializer.Serialize(image.Pixels, Web);
        Assert.Equal(image.Pixels.Rgb.ToArray(), Decoded(JsonNode.Parse(json)!));
        var error = Assert.Throws<NotSupportedException>(() => JsonSerializer.Deserialize<RgbImage>(json, Web));
        Assert.Contains("written to JSON and not read", error.Message, StringComparison.Ordinal);
    }

    private static string Type(JsonNode happened) => (string)happened["type"]!;

    private static byte[] Decoded(JsonNode image)
    {
        Assert.Equal("image/png", (string)image["mediaType"]!);
        using Image<Rgb24> png = Image.Load<Rgb24>(Convert.FromBase64String((string)image["data"]!));
        Assert.Equal(((int)image["width"]!, (int)image["height"]!), (png.Width, png.Height));
        var pixels = new byte[png.Width * png.Height * 3];
        png.CopyPixelDataTo(pixels);
        return pixels;
    }
}
