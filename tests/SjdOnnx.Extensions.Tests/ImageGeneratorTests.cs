using System.Drawing;
using Microsoft.Extensions.AI;
using SjdOnnx.Extensions.AI;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Extensions.Tests;

public sealed class ImageGeneratorTests(BuiltInModel builtIn) : IClassFixture<BuiltInModel>
{
    private const string Prompt = "a fox on a blue background";

    private readonly IImageGenerator _generator = builtIn.Model.AsImageGenerator(new GenerationOptions { Window = 16 });

    [Fact]
    public async Task A_request_without_options_gives_the_image_of_seed_0_as_png()
    {
        ImageGenerationResponse response = await _generator.GenerateAsync(new ImageGenerationRequest(Prompt));

        GeneratedImage direct = await builtIn.Model.GenerateAsync(Prompt, new GenerationOptions { Window = 16 });
        var content = Assert.IsType<DataContent>(Assert.Single(response.Contents));
        Assert.Equal("image/png", content.MediaType);
        Assert.Equal(direct.Encode(), content.Data.ToArray());
        Assert.Equal(direct.ImageTokens, response.Usage!.OutputTokenCount);
    }

    [Fact]
    public async Task Several_images_have_consecutive_seeds_in_order()
    {
        var options = new ImageGenerationOptions { Count = 3, AdditionalProperties = new() { ["seed"] = 5 } };

        ImageGenerationResponse response = await _generator.GenerateAsync(new ImageGenerationRequest(Prompt), options);

        var images = Assert.IsType<GeneratedImage[]>(response.RawRepresentation);
        Assert.Equal([5UL, 6UL, 7UL], images.Select(image => image.Settings.Seed));
        Assert.Equal(
            images.Select(image => image.Encode()), response.Contents.Cast<DataContent>().Select(content => content.Data.ToArray()));
    }

    [Theory]
    [InlineData("image/png", new byte[] { 0x89, (byte)'P' })]
    [InlineData("image/jpeg", new byte[] { 0xff, 0xd8 })]
    [InlineData("image/webp", new byte[] { (byte)'R', (byte)'I' })]
    public async Task The_media_type_chooses_the_file_format(string mediaType, byte[] start)
    {
        var options = new ImageGenerationOptions { MediaType = mediaType };

        ImageGenerationResponse response = await _generator.GenerateAsync(new ImageGenerationRequest(Prompt), options);

        var content = (DataContent)response.Contents[0];
        Assert.Equal(mediaType, content.MediaType);
        Assert.Equal(start, content.Data[..2].ToArray());
    }

    [Fact]
    public async Task The_closest_size_is_drawn()
    {
        var options = new ImageGenerationOptions { ImageSize = new Size(500, 400) };

        ImageGenerationResponse response = await _generator.GenerateAsync(new ImageGenerationRequest(Prompt), options);

        GeneratedImage image = ((GeneratedImage[])response.RawRepresentation!)[0];
        Assert.Equal(builtIn.Model.Model.Sizes[0], image.Settings.Size);
    }

    [Fact]
    public async Task The_raw_representation_factory_replaces_the_generator_s_defaults()
    {
        var options = new ImageGenerationOptions
        {
            RawRepresentationFactory = _ => new GenerationOptions { Method = new GroupedAcceptance { GroupSize = 6 }, Window = 8 },
        };

        ImageGenerationResponse response = await _generator.GenerateAsync(new ImageGenerationRequest(Prompt), options);

        GenerationSettings settings = ((GeneratedImage[])response.RawRepresentation!)[0].Settings;
        Assert.Equal(new GroupedAcceptance { GroupSize = 6 }, settings.Method);
        Assert.Equal(8, settings.Window.Drafts);
    }

    [Fact]
    public async Task Wrong_options_are_refused_with_the_legal_ones()
    {
        (ImageGenerationOptions Options, Type Error, string Part)[] wrong =
        [
            (new() { MediaType = "image/gif" }, typeof(ArgumentException), "image/png, image/jpeg or image/webp"),
            (new() { Count = 0 }, typeof(ArgumentOutOfRangeException), "1 or more"),
            (new() { ResponseFormat = ImageGenerationResponseFormat.Uri }, typeof(NotSupportedException), "data alone"),
            (new() { RawRepresentationFactory = _ => "sjd" }, typeof(ArgumentException), "GenerationOptions"),
            (new() { AdditionalProperties = new() { ["seed"] = "seven" } }, typeof(ArgumentException), "whole number"),
            (new() { ImageSize = new Size(0, 10) }, typeof(ArgumentException), "1 or more pixels"),
            (new() { AdditionalProperties = new() { ["negative_prompt"] = "fog" } }, typeof(RequestException), "no negative prompt"),
        ];
        foreach ((ImageGenerationOptions options, Type type, string part) in wrong)
        {
            Exception error = await Assert.ThrowsAnyAsync<Exception>(
                () => _generator.GenerateAsync(new ImageGenerationRequest(Prompt), options));
            Assert.IsType(type, error);
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Original_images_are_refused()
    {
        var request = new ImageGenerationRequest(Prompt, [new DataContent(new byte[] { 1 }, "image/png")]);

        await Assert.ThrowsAsync<NotSupportedException>(() => _generator.GenerateAsync(request));
    }

    [Fact]
    public async Task Cancellation_ends_the_call()
    {
        using var stop = new CancellationTokenSource();
        Task<ImageGenerationResponse> drawing = _generator.GenerateAsync(
            new ImageGenerationRequest(Prompt), new ImageGenerationOptions { Count = 50 }, stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drawing);
    }

    [Fact]
    public void Services_are_the_model_the_metadata_and_the_generator()
    {
        Assert.Same(builtIn.Model, _generator.GetService(typeof(TextToImage)));
        Assert.Same(_generator, _generator.GetService(typeof(IImageGenerator)));
        Assert.Equal("emoji", _generator.GetService<ImageGeneratorMetadata>()!.DefaultModelId);
        Assert.Null(_generator.GetService(typeof(string)));
        Assert.Null(_generator.GetService(typeof(TextToImage), serviceKey: "other"));
    }
}
