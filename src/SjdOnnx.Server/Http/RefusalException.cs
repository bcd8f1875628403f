using Microsoft.AspNetCore.Http;

namespace SjdOnnx.Server.Http;

/// <summary>The request is not carried out, for a reason that the client is told.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">One sentence or two: the offending value, what was expected, what to do.</param>
/// <param name="code">A word for programs, such as <c>model_not_found</c>.</param>
/// <param name="parameter">The field of the request that is wrong; null for none.</param>
internal sealed class RefusalException(int status, string message, string code, string? parameter = null) : Exception(message)
{
    public int Status => status;

    public string Code => code;

    public string? Parameter => parameter;

    /// <summary>The reason as the log has it, which must hold no prompt.</summary>
    public string LoggedReason { get; init; } = message;

    /// <summary>When the client may try again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>A field has a value that is not legal.</summary>
    public static RefusalException BadValue(string field, string message) =>
        new(StatusCodes.Status400BadRequest, message, "invalid_value", field);
}
