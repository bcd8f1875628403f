using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Tests;

/// <summary>An application that sees the public face alone, and whose serializer is generated at build, as native AOT needs.</summary>
public partial class SerializationTests
{
    [Fact]
    public async Task A_generated_serializer_writes_the_events_as_the_reflecting_one_does()
    {
        await using TextToImage model = await TextToImage.LoadAsync(
            BuiltInModel.Folder, new TextToImageOptions { CacheFolder = BuiltInModel.Cache });
        var options = new GenerationOptions { Window = 16, PreviewEveryRows = 8 };

        var types = new HashSet<string>();
        await foreach (GenerationEvent happened in model.StreamAsync(new GenerationRequest { Prompt = "a fox" }, options))
        {
            string json = JsonSerializer.Serialize(happened, EventJson.Default.GenerationEvent);
            Assert.Equal(JsonSerializer.Serialize(happened, JsonSerializerOptions.Web), json);
            types.Add((string)JsonNode.Parse(json)!["type"]!);
        }

        Assert.Equal(["completed", "preview", "progress"], types.Order());
    }

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(GenerationEvent))]
    private sealed partial class EventJson : JsonSerializerContext;
}
