using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.OpenAI;

/// <summary>The part of OpenAI's API that draws images.</summary>
internal sealed class OpenAIEndpoints(
    ModelPool models, DrawingFields fields, DrawingService drawing, HostedImages hosted, RequestGate gate, TimeProvider clock)
{
    private readonly long _started = clock.GetUtcNow().ToUnixTimeSeconds();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/images/generations", gate.Of(GenerateAsync, ErrorAnswer.WriteAsync));
        routes.MapGet("/v1/images/files/{name}", gate.Of(FileAsync, ErrorAnswer.WriteAsync, isOpen: true));
        routes.MapGet("/v1/models", gate.Of(ModelsAsync, ErrorAnswer.WriteAsync));
        routes.MapGet("/v1/models/{name}", gate.Of(ModelAsync, ErrorAnswer.WriteAsync));
        routes.Map("/v1/{**rest}", gate.Of(NothingAsync, ErrorAnswer.WriteAsync));
    }

    private async Task GenerateAsync(HttpContext context)
    {
        using RequestFields read = await RequestFields.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false);
        ImageRequest request = ImageRequest.Read(read, fields);
        if (request.Stream)
        {
            await StreamAsync(context, request.Drawing).ConfigureAwait(false);
            return;
        }

        GeneratedImage[] images = await drawing.DrawAsync(request.Drawing, context.RequestAborted).ConfigureAwait(false);
        string format = ImageRequest.NameOf(request.Drawing.Format);
        ImageItem[] items = [.. images.Select(image =>
        {
            byte[] file = image.Encode(request.Drawing.Format, request.Drawing.File);
            return request.ByUrl
                ? new ImageItem(null, AddressOf(context.Request, hosted.Add(file, format)), image.Settings.Seed)
                : new ImageItem(file, null, image.Settings.Seed);
        })];
        IReadOnlyList<string>? notes = request.Drawing.Notes.Count > 0 ? request.Drawing.Notes : null;
        var answer = new ImagesAnswer(Now(), items, images[0].Settings.Size.ToString(), format, Usage.Of(images), notes);
        await context.Response.WriteAsJsonAsync(answer, OpenAIJson.Default.ImagesAnswer).ConfigureAwait(false);
    }

    private Task StreamAsync(HttpContext context, DrawingRequest request)
    {
        int partial = 0;
        return gate.StreamAsync(context, drawing.StreamAsync(request, context.RequestAborted), (stream, happened) =>
            happened.Event switch
            {
                GenerationPreview { Image: RgbImage image } => stream.WriteAsync(
                    PartialImageEvent.Name,
                    new PartialImageEvent(
                        image.Encode(request.Format, request.File with { Fast = true }), partial++, Now(),
                        request.Size.ToString(), ImageRequest.NameOf(request.Format)),
                    OpenAIJson.Default.PartialImageEvent),
                GenerationCompleted { Image: GeneratedImage image } => stream.WriteAsync(
                    CompletedEvent.Name, CompletedEvent.Of(request, image, Now()), OpenAIJson.Default.CompletedEvent),
                _ => Task.CompletedTask,
            });
    }

    private async Task FileAsync(HttpContext context)
    {
        var name = (string)context.GetRouteValue("name")!;
        byte[] file = hosted.Find(name) ?? throw new RefusalException(
            StatusCodes.Status404NotFound, "There is no such image, or no longer. Images are kept for ten minutes.", "not_found");
        context.Response.ContentType = $"image/{name[(name.LastIndexOf('.') + 1)..]}";
        context.Response.ContentLength = file.Length;
        await context.Response.BodyWriter.WriteAsync(file).ConfigureAwait(false);
    }

    private Task ModelsAsync(HttpContext context) => context.Response.WriteAsJsonAsync(
        new ModelsAnswer([.. models.All.Select(Item)]), OpenAIJson.Default.ModelsAnswer);

    private Task ModelAsync(HttpContext context)
    {
        PooledModel model = models.Find((string)context.GetRouteValue("name")!) ?? throw new RefusalException(
            StatusCodes.Status404NotFound, "There is no such model; GET /v1/models lists them.", "model_not_found", "model");
        return context.Response.WriteAsJsonAsync(Item(model), OpenAIJson.Default.ModelItem);
    }

    private static Task NothingAsync(HttpContext context) => throw new RefusalException(StatusCodes.Status404NotFound,
        $"There is no {context.Request.Method} of this address; there are POST /v1/images/generations and GET /v1/models.", "not_found");

    private ModelItem Item(PooledModel model) => new(model.Name, _started);

    private static string AddressOf(HttpRequest request, string name) =>
        $"{request.Scheme}://{request.Host}{request.PathBase}/v1/images/files/{name}";

    private long Now() => clock.GetUtcNow().ToUnixTimeSeconds();
}
