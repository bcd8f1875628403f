using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Runtime.Model;

/// <summary>One part of what a lane reads before the image. Each kind is shown as model.json writes it.</summary>
[JsonConverter(typeof(PromptPartConverter))]
internal abstract record PromptPart
{
    private PromptPart()
    {
    }

    /// <summary><c>8197</c>: a token.</summary>
    public sealed record Id(int Value) : PromptPart;

    /// <summary><c>{"text": "a photo of {prompt}"}</c>: text with placeholders, tokenized by itself.</summary>
    public sealed record Text(string Template) : PromptPart;

    /// <summary>
    /// <c>{"from": 8804, "plus": "rows", "per": 2}</c>: the token 8804 + rows / 2, which encodes the height of the image's grid.
    /// </summary>
    /// <param name="Plus"><c>rows</c> or <c>columns</c> of codes.</param>
    public sealed record Side(int From, string Plus, int Per) : PromptPart;

    /// <summary><c>{"fill": 100015}</c>: that token, repeated until the unconditional lane is as long as the conditional one.</summary>
    public sealed record Fill(int Value) : PromptPart;

    /// <summary>
    /// <c>{"class": 16384, "of": 1000}</c>: the prompt is the number of a class, 0 to 999; the part is the token 16384 + that number.
    /// </summary>
    public sealed record Class(int First, int Count) : PromptPart;

    /// <summary>
    /// <c>{"encoded": "prompt"}</c> or <c>{"encoded": "nothing"}</c>: the text encoder's vectors for the prompt, or for no text.
    /// </summary>
    public sealed record Encoded(bool Words) : PromptPart;
}

internal sealed class PromptPartConverter : JsonConverter<PromptPart>
{
    /// <summary>A null among the parts is an error, like any other value that is not a part.</summary>
    public override bool HandleNull => true;

    private static readonly string[] Known = ["text", "from", "plus", "per", "fill", "class", "of", "encoded"];

    public override PromptPart Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int id))
            return new PromptPart.Id(id);
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        return Read(document.RootElement, ignoreUnknown: options.UnmappedMemberHandling == JsonUnmappedMemberHandling.Skip)
            ?? throw new JsonException(
                "An element of a prompt is a token id, or an object with text, with from, plus and per, with fill, with class and of, or " +
                $"with encoded; this is {document.RootElement.GetRawText().ReplaceLineEndings(" ")}.");
    }

    public override void Write(Utf8JsonWriter writer, PromptPart value, JsonSerializerOptions options)
    {
        if (value is PromptPart.Id id)
        {
            writer.WriteNumberValue(id.Value);
            return;
        }

        writer.WriteStartObject();
        switch (value)
        {
            case PromptPart.Text text:
                writer.WriteString("text", text.Template);
                break;
            case PromptPart.Side side:
                writer.WriteNumber("from", side.From);
                writer.WriteString("plus", side.Plus);
                writer.WriteNumber("per", side.Per);
                break;
            case PromptPart.Fill fill:
                writer.WriteNumber("fill", fill.Value);
                break;
            case PromptPart.Class one:
                writer.WriteNumber("class", one.First);
                writer.WriteNumber("of", one.Count);
                break;
            case PromptPart.Encoded encoded:
                writer.WriteString("encoded", encoded.Words ? "prompt" : "nothing");
                break;
        }

        writer.WriteEndObject();
    }

    private static PromptPart? Read(JsonElement element, bool ignoreUnknown)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return null;

        IEnumerable<string> fields = element.EnumerateObject().Select(member => member.Name);
        string names = string.Join(' ', (ignoreUnknown ? fields.Where(Known.Contains) : fields).Order(StringComparer.Ordinal));
        return names switch
        {
            "text" when Text("text") is string template => new PromptPart.Text(template),
            "from per plus" when Number("from") is int from && Text("plus") is string plus && Number("per") is int per =>
                new PromptPart.Side(from, plus, per),
            "fill" when Number("fill") is int id => new PromptPart.Fill(id),
            "class of" when Number("class") is int first && Number("of") is int count => new PromptPart.Class(first, count),
            "encoded" when Text("encoded") is "prompt" or "nothing" => new PromptPart.Encoded(Text("encoded") == "prompt"),
            _ => null,
        };

        string? Text(string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
        int? Number(string name) =>
            element.GetProperty(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out int value) ? value : null;
    }
}
