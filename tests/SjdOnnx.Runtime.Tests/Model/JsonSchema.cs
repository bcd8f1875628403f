using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace SjdOnnx.Runtime.Tests.Model;

/// <summary>
/// docs/model.schema.json, and an evaluator of the part of JSON Schema 2020-12 that it uses. As in the schema's description, integers
/// are written without a fraction.
/// </summary>
internal sealed class JsonSchema
{
    private readonly JsonObject _root = JsonNode.Parse(File.ReadAllText(FilePath()))!.AsObject();

    public JsonObject Root => _root;

    public bool Holds(JsonNode? value) => Holds(value, _root);

    /// <summary>The rules that a reference stands for, or these themselves.</summary>
    public JsonObject Resolved(JsonNode rules) =>
        rules["$ref"] is { } reference ? _root["$defs"]![((string)reference!)["#/$defs/".Length..]]!.AsObject() : rules.AsObject();

    public bool Holds(JsonNode? value, JsonNode unresolved) =>
        Resolved(unresolved).All(rule => rule.Value is null || HoldsRule(value, rule.Key, rule.Value, Resolved(unresolved)));

    private bool HoldsRule(JsonNode? value, string keyword, JsonNode rule, JsonObject rules)
    {
        JsonValueKind kind = value?.GetValueKind() ?? JsonValueKind.Null;
        return keyword switch
        {
            "$schema" or "$defs" or "title" or "description" => true,
            "type" => (rule is JsonArray types ? types.Select(type => (string)type!) : [(string)rule!]).Any(type => Is(value, kind, type)),
            "const" => JsonNode.DeepEquals(value, rule),
            "enum" => rule.AsArray().Any(choice => JsonNode.DeepEquals(value, choice)),
            "anyOf" => rule.AsArray().Any(choice => Holds(value, choice!)),
            "minimum" => kind != JsonValueKind.Number || Number(value!) >= Number(rule),
            "maximum" => kind != JsonValueKind.Number || Number(value!) <= Number(rule),
            "exclusiveMinimum" => kind != JsonValueKind.Number || Number(value!) > Number(rule),
            "minLength" => kind != JsonValueKind.String || ((string)value!).EnumerateRunes().Count() >= (int)rule,
            "pattern" => kind != JsonValueKind.String || Regex.IsMatch((string)value!, (string)rule!, RegexOptions.ECMAScript),
            "items" => value is not JsonArray items || items.All(item => Holds(item, rule)),
            "minItems" => value is not JsonArray array || array.Count >= (int)rule,
            "maxItems" => value is not JsonArray array || array.Count <= (int)rule,
            "required" => value is not JsonObject fields || rule.AsArray().All(name => fields.ContainsKey((string)name!)),
            "properties" => value is not JsonObject fields
                || fields.All(field => rule[field.Key] is not JsonObject known || Holds(field.Value, known)),
            "propertyNames" => value is not JsonObject fields || fields.All(field => Holds(JsonValue.Create(field.Key), rule)),
            "additionalProperties" => value is not JsonObject fields || fields.All(field =>
                rules["properties"]?[field.Key] is not null || (rule is JsonObject others && Holds(field.Value, others))),
            _ => throw new NotSupportedException($"The schema has the keyword {keyword}, which this evaluator does not know."),
        };
    }

    private static bool Is(JsonNode? value, JsonValueKind kind, string type) => type switch
    {
        "null" => kind == JsonValueKind.Null,
        "boolean" => kind is JsonValueKind.True or JsonValueKind.False,
        "integer" => kind == JsonValueKind.Number && value!.ToJsonString().All(c => char.IsAsciiDigit(c) || c == '-'),
        "number" => kind == JsonValueKind.Number,
        "string" => kind == JsonValueKind.String,
        "array" => kind == JsonValueKind.Array,
        "object" => kind == JsonValueKind.Object,
        _ => throw new NotSupportedException($"The schema has the type {type}, which this evaluator does not know."),
    };

    private static double Number(JsonNode value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static string FilePath()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "docs", "model.schema.json");
            if (File.Exists(path))
                return path;
        }
        throw new FileNotFoundException("There is no docs/model.schema.json above the tests.");
    }
}
