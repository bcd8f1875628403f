using System.ClientModel;
using OpenAI;
using OpenAI.Images;
using OpenAI.Models;

namespace SjdOnnx.Server.Tests.OpenAI;

/// <summary>The server as OpenAI's own client for .NET sees it.</summary>
[Collection(nameof(DefaultServer))]
public sealed class OfficialClientTests(DefaultServer fixture)
{
    private const string Prompt = "four strawberries on a pink background";

    [Fact]
    public async Task It_draws_an_image_and_reads_its_bytes()
    {
        ImageClient client = Client().GetImageClient("emoji");

        GeneratedImage image = await client.GenerateImageAsync(
            Prompt, new ImageGenerationOptions { Size = new GeneratedImageSize(128, 128), ResponseFormat = GeneratedImageFormat.Bytes });

        Answers.AssertPng(image.ImageBytes.ToArray());
    }

    [Fact]
    public async Task It_draws_several_images_in_another_format_and_reads_the_usage()
    {
        ImageClient client = Client().GetImageClient("emoji");

        GeneratedImageCollection images = await client.GenerateImagesAsync(
            Prompt, 3, new ImageGenerationOptions { OutputFileFormat = GeneratedImageFileFormat.Webp, OutputCompressionFactor = 90 });

        Assert.Equal(3, images.Count);
        Assert.All(images, static image => Assert.Equal("RIFF"u8.ToArray(), image.ImageBytes.ToArray()[..4]));
        Assert.Equal(3 * 256, images.Usage.OutputTokenCount);
    }

    [Fact]
    public async Task It_follows_the_address_of_an_image()
    {
        ImageClient client = Client().GetImageClient("emoji");

        GeneratedImage image = await client.GenerateImageAsync(
            Prompt, new ImageGenerationOptions { ResponseFormat = GeneratedImageFormat.Uri });

        Answers.AssertPng(await fixture.Client.GetByteArrayAsync(image.ImageUri));
    }

    [Fact]
    public async Task It_lists_the_models()
    {
        OpenAIModelCollection models = await Client().GetOpenAIModelClient().GetModelsAsync();

        Assert.Equal("emoji", Assert.Single(models).Id);
    }

    [Theory]
    [InlineData("emoji", 512, 400, "the nearest size that it draws is 128x128")]
    [InlineData("gpt-image-1", 128, 404, "There is no model 'gpt-image-1'")]
    public async Task It_reports_refusals_with_their_status_and_reason(string model, int side, int status, string reason)
    {
        ImageClient client = Client().GetImageClient(model);

        var error = await Assert.ThrowsAsync<ClientResultException>(() => client.GenerateImageAsync(
            Prompt, new ImageGenerationOptions { Size = new GeneratedImageSize(side, side) }));

        Assert.Equal(status, error.Status);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    private OpenAIClient Client() => new(
        new ApiKeyCredential("none is needed"), new OpenAIClientOptions { Endpoint = new Uri(fixture.Server.Address, "/v1") });
}
