using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace SjdOnnx.Server.Http;

/// <summary>A failure in the form of OpenAI's API.</summary>
internal sealed record ErrorAnswer(ErrorBody Error)
{
    /// <summary>People read it in a terminal, so quotation marks stay as they are.</summary>
    public static JsonTypeInfo<ErrorAnswer> Json { get; } = new ErrorJson(
        new JsonSerializerOptions(ErrorJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).ErrorAnswer;

    /// <summary>An event of a stream names its type.</summary>
    public string Type { get; } = "error";

    public static ErrorAnswer Of(RefusalException refusal) =>
        new(new ErrorBody(refusal.Message, TypeOf(refusal.Status), refusal.Parameter, refusal.Code));

    /// <summary>Answers a request.</summary>
    public static Task WriteAsync(HttpContext context, RefusalException refusal) =>
        context.Response.WriteAsJsonAsync(Of(refusal), Json);

    private static string TypeOf(int status) => status switch
    {
        StatusCodes.Status429TooManyRequests => "rate_limit_error",
        < StatusCodes.Status500InternalServerError => "invalid_request_error",
        _ => "server_error",
    };
}

/// <param name="Message">For people.</param>
/// <param name="Type">The kind of failure.</param>
/// <param name="Param">The field of the request that is wrong; null for none.</param>
/// <param name="Code">For programs.</param>
internal sealed record ErrorBody(string Message, string Type, string? Param, string Code);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ErrorAnswer))]
internal sealed partial class ErrorJson : JsonSerializerContext;
