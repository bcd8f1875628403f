using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using static System.FormattableString;

namespace SjdOnnx.Server.Http;

/// <summary>
/// The fields of a request's JSON object. Every value is checked when it is read, and a null stands for a field that is not there.
/// </summary>
internal sealed class RequestFields : IDisposable
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    private readonly JsonDocument _document;
    private readonly HashSet<string> _read = [];
    private readonly List<string> _notes = [];

    private RequestFields(JsonDocument document) => _document = document;

    /// <summary>What the client should know about fields that were ignored.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Reads the body.</summary>
    /// <exception cref="RefusalException">The body is not a JSON object.</exception>
    /// <exception cref="BadHttpRequestException">The body is too large, too slow or cut off.</exception>
    public static async Task<RequestFields> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (!request.HasJsonContentType())
        {
            throw new RefusalException(StatusCodes.Status415UnsupportedMediaType,
                "The content type must be application/json.", "unsupported_media_type");
        }

        if (request.Headers.ContentEncoding.Count > 0)
        {
            throw new RefusalException(StatusCodes.Status415UnsupportedMediaType,
                "The body has a content encoding; send it without one.", "unsupported_media_type");
        }

        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellation).ConfigureAwait(false);
        JsonDocument document;
        try
        {
            byte[] json = body.ToArray();
            CheckText(json);
            document = JsonDocument.Parse(json, Strict);
        }
        catch (JsonException error)
        {
            throw NotJson(error.Message);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return new RequestFields(document);
        document.Dispose();
        throw NotJson("It must be an object.");

        static RefusalException NotJson(string reason) =>
            new(StatusCodes.Status400BadRequest, $"The body is not the JSON that was expected. {reason}", "invalid_json");
    }

    public void Dispose() => _document.Dispose();

    /// <summary>Names and texts may hold bytes that are no UTF-8, and escapes such as \ud800, which are half a character.</summary>
    private static void CheckText(byte[] json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Strict.MaxDepth });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String)
                    reader.GetString();
            }
        }
        catch (InvalidOperationException error)
        {
            throw new JsonException("It holds text that is not Unicode, such as half a surrogate pair.", error);
        }
    }

    /// <summary>Text of at most <paramref name="maxLength"/> characters (UTF-16).</summary>
    public string? Text(string name, int maxLength)
    {
        if (Value(name) is not { } value)
            return null;
        // The value could be a prompt in another form, and the reason is logged.
        string text = value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw RefusalException.BadValue(name, $"{name} is {KindOf(value)}; it must be text.");
        return text.Length <= maxLength
            ? text
            : throw RefusalException.BadValue(name, Invariant($"{name} has {text.Length} characters; it must have at most {maxLength}."));
    }

    /// <summary>One of some words.</summary>
    public string? Word(string name, params string[] legal)
    {
        string? word = Text(name, maxLength: 1000);
        return word is null || legal.Contains(word) ? word
            : throw RefusalException.BadValue(name, $"{name} is '{Short(word)}'; it must be one of {string.Join(", ", legal)}.");
    }

    /// <summary>A whole number.</summary>
    public int? Whole(string name, int min, int max)
    {
        if (Value(name) is not { } value)
            return null;
        string range = Invariant($"a whole number from {min} to {max}");
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || number != Math.Floor(number))
            throw Wrong(name, value, range);
        return number >= min && number <= max ? (int)number : throw Wrong(name, value, range);
    }

    /// <summary>A finite number.</summary>
    public float? Number(string name, double min, double max)
    {
        if (Value(name) is not { } value)
            return null;
        bool isNumber = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= min && number <= max;
        return isNumber ? (float)value.GetDouble() : throw Wrong(name, value, Invariant($"a number from {min} to {max}"));
    }

    /// <summary>A seed, as a number or as its digits, since many programs cannot hold large numbers exactly; −1 is none.</summary>
    public ulong? Seed(string name)
    {
        if (Value(name) is not { } value)
            return null;
        string text = value.ValueKind switch
        {
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.String => value.GetString()!,
            _ => "",
        };
        if (text == "-1")
            return null;
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
            ? seed
            : throw Wrong(name, value, Invariant($"a whole number from 0 to {ulong.MaxValue}"));
    }

    /// <summary>True or false.</summary>
    public bool? Flag(string name) => Value(name) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, value, "true or false"),
    };

    /// <summary>A number or text, as text.</summary>
    public string? NumberOrText(string name) => Value(name) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.String => Short(value.GetString()!),
        _ => throw Wrong(name, value, "a number or text"),
    };

    /// <summary>Text in an object in this object.</summary>
    public string? TextIn(string name, string inner, int maxLength)
    {
        if (Value(name) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Object)
            throw Wrong(name, value, "an object");
        if (!value.TryGetProperty(inner, out JsonElement text) || text.ValueKind == JsonValueKind.Null)
            return null;
        if (text.ValueKind != JsonValueKind.String)
            throw Wrong($"{name}.{inner}", text, "text");
        string read = text.GetString()!;
        return read.Length <= maxLength ? read : throw RefusalException.BadValue(name, $"{name}.{inner} is too long.");
    }

    /// <summary>Copies of all fields, whether they were read or not.</summary>
    public Dictionary<string, JsonElement> All() =>
        _document.RootElement.EnumerateObject().ToDictionary(static field => field.Name, static field => field.Value.Clone());

    /// <summary>Ignores fields that have no meaning here, and notes that they were there.</summary>
    /// <param name="names">The fields.</param>
    /// <param name="reason">Continues a sentence that begins with a field's name.</param>
    public void Ignore(IEnumerable<string> names, string reason)
    {
        foreach (string name in names)
        {
            if (Value(name) is not null)
                _notes.Add($"{name} {reason}");
        }
    }

    /// <summary>Tells the client something.</summary>
    public void Note(string note) => _notes.Add(note);

    /// <summary>Refuses fields that nothing has read: an option that is silently ignored would be taken for one that has worked.</summary>
    public void RefuseOthers()
    {
        if (_document.RootElement.EnumerateObject().Select(static field => field.Name).FirstOrDefault(name => !_read.Contains(name)) is
            { } unknown)
        {
            throw new RefusalException(StatusCodes.Status400BadRequest,
                $"There is no parameter '{Short(unknown)}'; leave it out.", "unknown_parameter", Short(unknown));
        }
    }

    private JsonElement? Value(string name)
    {
        _read.Add(name);
        return _document.RootElement.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private static RefusalException Wrong(string name, JsonElement value, string range) =>
        RefusalException.BadValue(name, $"{name} is {Short(value.GetRawText())}; it must be {range}.");

    private static string KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.Number => "a number",
        _ => value.GetRawText(), // true or false
    };

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "…";
}
