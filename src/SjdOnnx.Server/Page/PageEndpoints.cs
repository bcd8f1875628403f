using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.Page;

/// <summary>The web page and the API that it uses.</summary>
internal sealed class PageEndpoints(
    ModelPool models, DrawingFields fields, DrawingService drawing, RequestGate gate, IOptions<SjdOnnxServerOptions> options)
{
    // Each preview costs a run of the image decoder.
    private const int Previews = 8;

    private static readonly ImageFileOptions PreviewFile = new() { Fast = true, Quality = 85 };

    public void Map(IEndpointRouteBuilder routes, bool withPage)
    {
        routes.MapGet("/api/models", Of(DescribeAsync));
        routes.MapPost("/api/images", Of(DrawAsync));
        if (!withPage)
            return;
        foreach (PageFile file in PageFile.All)
            routes.MapGet(file.Path, gate.Of(file.WriteAsync, ErrorAnswer.WriteAsync, isOpen: true));
    }

    private RequestDelegate Of(RequestDelegate handle) => gate.Of(handle, ErrorAnswer.WriteAsync);

    private Task DescribeAsync(HttpContext context) => context.Response.WriteAsJsonAsync(
        new ServerDescription(
            models.Default.Name, [.. models.All.Select(ModelChoice.Of)], fields.MaxImages, options.Value.MaxPromptLength,
            TextToImage.Version),
        PageJson.Default.ServerDescription);

    private async Task DrawAsync(HttpContext context)
    {
        using RequestFields read = await RequestFields.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false);
        DrawingRequest request = Read(read);
        await gate.StreamAsync(context, drawing.StreamAsync(request, context.RequestAborted), (stream, happened) =>
            happened.Event switch
            {
                GenerationProgress step => stream.WriteAsync(
                    "progress",
                    new ProgressEvent(happened.Index, step.Tokens, step.TotalTokens, step.ForwardPasses, step.Elapsed.TotalSeconds),
                    PageJson.Default.ProgressEvent),
                GenerationPreview preview => stream.WriteAsync(
                    "preview",
                    new PreviewEvent(happened.Index, preview.FinishedHeight, preview.Image.Encode(ImageFormat.WebP, PreviewFile)),
                    PageJson.Default.PreviewEvent),
                GenerationCompleted { Image: GeneratedImage image } => stream.WriteAsync(
                    "completed", CompletedEvent.Of(happened.Index, request, image), PageJson.Default.CompletedEvent),
                _ => Task.CompletedTask,
            }).ConfigureAwait(false);
    }

    private DrawingRequest Read(RequestFields read)
    {
        PooledModel model = fields.Model(read.Text("model", maxLength: 200), read);
        int count = fields.Count(read, "n");
        DrawingRequest request = fields.Read(model, read, count);
        read.RefuseOthers();
        return request with
        {
            Notes = read.Notes,
            Options = request.Options with { PreviewEveryRows = Math.Max(1, request.Rows / Previews) },
        };
    }
}
