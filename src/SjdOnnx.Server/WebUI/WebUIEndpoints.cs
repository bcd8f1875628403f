using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.WebUI;

/// <summary>The part of the API of Stable Diffusion web UI (AUTOMATIC1111) that other programs use to draw.</summary>
internal sealed class WebUIEndpoints(
    ModelPool models, DrawingFields fields, DrawingService drawing, CurrentJob current, RequestGate gate)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/sdapi/v1/txt2img", Of(DrawAsync));
        routes.MapGet("/sdapi/v1/sd-models", Of(ModelsAsync));
        routes.MapGet("/sdapi/v1/samplers", Of(SamplersAsync));
        routes.MapGet("/sdapi/v1/options", Of(OptionsAsync));
        routes.MapPost("/sdapi/v1/options", Of(SetOptionsAsync));
        routes.MapGet("/sdapi/v1/progress", Of(ProgressAsync));
        routes.MapPost("/sdapi/v1/interrupt", Of(InterruptAsync));
        routes.Map("/sdapi/{**rest}", Of(NothingAsync));
    }

    private RequestDelegate Of(RequestDelegate handle) => gate.Of(handle, WebUIError.WriteAsync);

    private async Task DrawAsync(HttpContext context)
    {
        using RequestFields read = await RequestFields.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false);
        DrawingRequest request = TextToImageRequest.Read(read, fields, current.Model);
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var images = new GeneratedImage[request.Count];
        CurrentJob.Job job = current.Begin(request, interrupted.Cancel);
        try
        {
            await foreach (DrawingEvent happened in drawing.StreamAsync(request, interrupted.Token).ConfigureAwait(false))
            {
                job.Note(happened);
                if (happened.Event is GenerationCompleted { Image: GeneratedImage image })
                    images[happened.Index] = image;
            }
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            throw new RefusalException(StatusCodes.Status409Conflict, "Another client has interrupted the request.", "interrupted");
        }
        finally
        {
            current.End(job);
        }

        Dictionary<string, JsonElement> parameters = read.All();
        await context.Response.WriteAsJsonAsync(
            new TextToImageAnswer(
                [.. images.Select(image => image.Encode(request.Format, request.File))], parameters, ImageInfo.Of(request, images)),
            WebUIJson.Default.TextToImageAnswer).ConfigureAwait(false);
    }

    private Task ModelsAsync(HttpContext context) =>
        context.Response.WriteAsJsonAsync([.. models.All.Select(ModelEntry.Of)], WebUIJson.Default.ModelEntryArray);

    private static Task SamplersAsync(HttpContext context) =>
        context.Response.WriteAsJsonAsync([Sampler.Sjd], WebUIJson.Default.SamplerArray);

    private Task OptionsAsync(HttpContext context)
    {
        PooledModel model = (current.Model is string name ? models.Find(name) : null) ?? models.Default;
        return context.Response.WriteAsJsonAsync(
            new OptionsAnswer(model.Title, model.Description.Hash), WebUIJson.Default.OptionsAnswer);
    }

    /// <summary>Clients send back all options that they have read, and only the model can be chosen.</summary>
    private async Task SetOptionsAsync(HttpContext context)
    {
        using RequestFields read = await RequestFields.ReadAsync(context.Request, context.RequestAborted).ConfigureAwait(false);
        if (TextToImageRequest.NameOf(read.Text("sd_model_checkpoint", maxLength: 200)) is string name)
            current.Model = fields.Model(name, read).Name;
        await context.Response.WriteAsJsonAsync([], WebUIJson.Default.DictionaryStringJsonElement).ConfigureAwait(false);
    }

    private Task ProgressAsync(HttpContext context)
    {
        bool skipImage = context.Request.Query["skip_current_image"] == "true";
        return context.Response.WriteAsJsonAsync(
            ProgressAnswer.Of(current.First, withImage: !skipImage), WebUIJson.Default.ProgressAnswer);
    }

    private Task InterruptAsync(HttpContext context)
    {
        current.First?.Interrupt();
        return context.Response.WriteAsJsonAsync([], WebUIJson.Default.DictionaryStringJsonElement);
    }

    private static Task NothingAsync(HttpContext context) => throw new RefusalException(
        StatusCodes.Status404NotFound, $"There is no {context.Request.Method} of this address here.", "not_found");
}
