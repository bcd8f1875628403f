// A web API over one model. Requests that arrive at the same time share forward passes.
//   dotnet run --project examples/WebApi -- --urls http://localhost:5080
//   curl "http://localhost:5080/images?prompt=a+fox&seed=7" -o fox.png
//   curl -N "http://localhost:5080/images/stream?prompt=a+fox"

using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddSjdOnnx(builder.Configuration.GetSection("SjdOnnx"));

WebApplication app = builder.Build();
app.MapHealthChecks("/health");

app.MapGet("/images", async (TextToImage model, string prompt, ulong? seed, CancellationToken cancellation) =>
{
    try
    {
        var request = new GenerationRequest { Prompt = prompt, Seed = seed ?? 0 };
        GeneratedImage image = await model.GenerateAsync(request, cancellationToken: cancellation);
        return Results.Bytes(image.Encode(), "image/png");
    }
    catch (RequestException error)
    {
        return Results.Problem(error.Message, statusCode: StatusCodes.Status400BadRequest);
    }
    catch (QueueFullException error)
    {
        return Results.Problem(error.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
});

app.MapGet("/images/stream", (TextToImage model, string prompt, ulong? seed, CancellationToken cancellation) =>
{
    var request = new GenerationRequest { Prompt = prompt, Seed = seed ?? 0 };
    var options = new GenerationOptions { PreviewEveryRows = 4 };
    return TypedResults.ServerSentEvents(Events(model.StreamAsync(request, options, cancellation), cancellation));
});

app.Run();

// A stream has sent its headers when an image fails, so the reason is an event too.
static async IAsyncEnumerable<SseItem<object>> Events(
    IAsyncEnumerable<GenerationEvent> events, [EnumeratorCancellation] CancellationToken cancellation = default)
{
    await using IAsyncEnumerator<GenerationEvent> reader = events.GetAsyncEnumerator(cancellation);
    while (true)
    {
        string? failure = null;
        try
        {
            if (!await reader.MoveNextAsync())
                yield break;
        }
        catch (SjdOnnxException error)
        {
            failure = error.Message;
        }

        yield return failure is null
            ? new SseItem<object>(reader.Current, Name(reader.Current))
            : new SseItem<object>(new { error = failure }, "failed");
        if (failure is not null)
            yield break;
    }
}

static string Name(GenerationEvent happened) => happened switch
{
    GenerationProgress => "progress",
    GenerationPreview => "preview",
    _ => "completed",
};
