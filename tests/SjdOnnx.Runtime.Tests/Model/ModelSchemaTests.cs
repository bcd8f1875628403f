using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Actions;
using SjdOnnx.Runtime.Flows;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;
using SjdOnnx.Runtime.Thoughts;

namespace SjdOnnx.Runtime.Tests.Model;

/// <summary>The exporter checks against docs/model.schema.json, and the reader must refuse the same documents.</summary>
public class ModelSchemaTests
{
    private static readonly JsonSchema Schema = new();

    /// <summary>A model.json with every field.</summary>
    private const string Whole = """
        {
          "format": "3.0", "name": "all", "family": "chameleon",
          "license": { "id": "MIT", "notice": "one line", "commercial": true },
          "transformer": {
            "layers": 8, "kvHeads": 8, "headDim": 32, "lanes": 2, "maxPositions": 2048,
            "precisions": { "fp32": { "graph": "t.onnx", "batches": BATCHES, "tree": "tree.onnx", "cache": "float32" } },
            "defaultPrecision": "fp32"
          },
          "tokenizer": {
            "kind": "bpe", "vocabulary": "v.json", "merges": "m.txt", "normalizers": ["nfc", "lowercase"], "splits": ["a+", "b"],
            "standIns": [[65536, 65537, 97]], "ignoreMerges": true, "unknownId": 3, "characters": { "x": 5 }, "deleted": "y"
          },
          "prompt": {
            "conditional": [0, { "text": "{prompt}{negative}" }, { "from": 8, "plus": "rows", "per": 2 }, { "class": 9, "of": 10 }],
            "unconditional": [0, { "fill": 3 }], "negative": "blurred", "cleaning": "t5-captions", "maxTokens": 128
          },
          "layout": { "firstCode": 4, "codes": 1024, "rowSuffix": [1030], "suffix": [1028] },
          "image": { "graph": "image.onnx", "pixelsPerCode": 8, "sizes": [[128, 128], [64, 128]] },
          "sampling": { "guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0, "order": ["guidance", "temperature", "topK", "topP"] },
          "decoding": { "method": "sjd", "window": 16, "initialization": "uniform", "sequential": { "first": 1, "last": 2 } },
          "denoising": {
            "steps": 2, "hidden": 256, "normalization": "channel", "levels": "added", "alpha": [1, 0.5, 0], "sigma": [0, 0.5, 1]
          },
          "files": {
            "t.onnx": FILE, "x2.onnx": FILE, "tree.onnx": FILE, "v.json": FILE, "m.txt": FILE, "text.onnx": FILE, "image.onnx": FILE,
            "w.data": FILE
          }
        }
        """;

    private const string WithText = """{ "graph": "text.onnx", "places": 120, "firstId": 1024, "ids": [{ "text": "{prompt}" }, 1] }""";

    /// <summary>One document with batches and one with a text encoder, because no model can have both.</summary>
    private static JsonObject[] Documents()
    {
        string file = $$"""{ "sha256": "{{new string('a', 64)}}", "bytes": 1, "weights": ["w.data"] }""";
        string text = Whole.Replace("FILE", file, StringComparison.Ordinal);
        JsonObject batches = Parsed(text.Replace("BATCHES", """{ "2": "x2.onnx" }""", StringComparison.Ordinal));
        JsonObject encoder = Parsed(text.Replace("BATCHES", "{}", StringComparison.Ordinal));
        encoder["textEncoder"] = JsonNode.Parse(WithText);
        encoder["prompt"]!["conditional"]!.AsArray().Add(JsonNode.Parse("""{ "encoded": "prompt" }"""));
        return [batches, encoder];
    }

    [Fact]
    public void A_document_with_every_field_is_valid_for_the_schema_and_for_the_reader()
    {
        foreach (JsonObject document in Documents())
        {
            Assert.True(Schema.Holds(document));
            Read(document);
        }
    }

    [ModelFact]
    public void The_committed_models_are_valid_for_the_schema()
    {
        string[] folders = [.. new[] { TestModel.Folder, TestModel.DenoisingFolder }.OfType<string>()];
        Assert.All(folders, folder => Assert.True(Schema.Holds(JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "model.json"))))));
    }

    [Fact]
    public void The_schema_lists_all_methods_initializations_and_cleanings()
    {
        Assert.Equal(DecodingMethods.BuiltIn.Names, Choices("decoding", "method"));
        Assert.Equal(Initialization.All.Select(initialization => initialization.Name), Choices("decoding", "initialization"));
        Assert.Equal([.. PromptCleaning.Names, null], Choices("prompt", "cleaning"));

        static IEnumerable<string?> Choices(string section, string field) =>
            Schema.Root["$defs"]![section]!["properties"]![field]!["enum"]!.AsArray().Select(name => (string?)name);
    }

    [Fact]
    public void The_reader_refuses_every_change_that_the_schema_refuses() => AssertRefused(Documents(), Read);

    [ModelTheory]
    [InlineData("shapes")]
    [InlineData("sums")]
    [InlineData("reach")]
    public void The_readers_of_other_kinds_refuse_every_change_that_the_schema_refuses(string name)
    {
        JsonObject document = Parsed(File.ReadAllText(Path.Combine(TestModel.InRepository(name)!, "model.json")));
        if (name == "reach")
            document["prompt"]!["end"] = 7; // a value that can be changed to those of other types
        Action<JsonObject> read = name switch
        {
            "shapes" => static changed => FlowManifest.Read(Bytes(changed)),
            "sums" => static changed => ThoughtManifest.Read(Bytes(changed)),
            _ => static changed => PolicyManifest.Read(Bytes(changed)),
        };

        Assert.True(Schema.Holds(document));
        read(document);
        AssertRefused([document], read);
    }

    [ModelTheory]
    [InlineData("shapes", "thought")]
    [InlineData("sums", "policy")]
    [InlineData("reach", "picture")]
    public void The_schema_refuses_a_model_under_the_name_of_another_kind(string name, string kind)
    {
        JsonObject document = Parsed(File.ReadAllText(Path.Combine(TestModel.InRepository(name)!, "model.json")));
        document["kind"] = kind;
        Assert.False(Schema.Holds(document));
        document.Remove("kind");
        Assert.False(Schema.Holds(document));
    }

    private static void AssertRefused(JsonObject[] documents, Action<JsonObject> read)
    {
        var accepted = new List<string>();
        var kinds = new Dictionary<string, int>();
        foreach (JsonObject document in documents)
        {
            foreach ((string kind, string what, JsonObject changed) in Changes(document))
            {
                if (Schema.Holds(changed))
                    continue;
                kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
                try
                {
                    read(changed);
                    accepted.Add($"{kind}: {what}");
                }
                catch (ModelException error)
                {
                    Messages.AssertReadable(error);
                }
            }
        }
        Assert.Equal("", string.Join("; ", accepted));
        Assert.Equal(
            ["a field is missing", "a value is of another type", "a value is out of range", "an unknown field", "another name"],
            kinds.Keys.Order());
        Assert.All(kinds.Values, count => Assert.True(count >= 5));
    }

    /// <summary>Changes every field of the document, once in each way that a schema can forbid.</summary>
    private static IEnumerable<(string Kind, string What, JsonObject Changed)> Changes(JsonObject document)
    {
        foreach (object[] path in Paths(document, []))
        {
            string what = string.Join('.', path);
            JsonNode value = At(document, path)!;
            string[] others = ["null", "true", "\"\"", "\"text\"", "\"a/b\"", "\"..\"", "0.5", "[]", "[[]]", "{}", "[\"a\"]"];
            foreach (string other in others)
                yield return ("a value is of another type", $"{what} = {other}", With(document, path, JsonNode.Parse(other)));
            if (value.GetValueKind() == JsonValueKind.Number)
            {
                string[] numbers =
                    ["-1", "0", "1", "-0.5", "3", "101", "1025", "16777217", "2147483648", "9223372036854775808", "1e300"];
                foreach (string number in numbers)
                    yield return ("a value is out of range", $"{what} = {number}", With(document, path, JsonNode.Parse(number)));
            }
            if (value is JsonObject)
                yield return ("an unknown field", what, With(document, [.. path, "novelty"], JsonValue.Create(1)));
            if (path[^1] is not string name)
                continue;
            yield return ("a field is missing", what, Without(document, path));
            JsonObject renamed = Without(document, path);
            At(renamed, path[..^1])![name.ToUpperInvariant()] = value.DeepClone();
            yield return ("another name", what, renamed);
        }
        yield return ("an unknown field", "the document", With(document, ["novelty"], JsonValue.Create(1)));
    }

    private static IEnumerable<object[]> Paths(JsonNode node, object[] path)
    {
        IEnumerable<(object Step, JsonNode? Child)> children = node switch
        {
            JsonObject fields => fields.Select(field => ((object)field.Key, field.Value)),
            JsonArray items => items.Select((item, i) => ((object)i, item)),
            _ => [],
        };
        foreach ((object step, JsonNode? child) in children)
        {
            object[] inner = [.. path, step];
            yield return inner;
            foreach (object[] deeper in Paths(child!, inner))
                yield return deeper;
        }
    }

    private static JsonNode? At(JsonNode node, object[] path) =>
        path.Aggregate((JsonNode?)node, (at, step) => step is string name ? at![name] : at![(int)step]);

    private static JsonObject With(JsonObject document, object[] path, JsonNode? value)
    {
        JsonObject changed = document.DeepClone().AsObject();
        JsonNode parent = At(changed, path[..^1])!;
        if (path[^1] is string name)
            parent[name] = value;
        else
            parent[(int)path[^1]] = value;
        return changed;
    }

    private static JsonObject Without(JsonObject document, object[] path)
    {
        JsonObject changed = document.DeepClone().AsObject();
        At(changed, path[..^1])!.AsObject().Remove((string)path[^1]);
        return changed;
    }

    private static JsonObject Parsed(string json) => JsonNode.Parse(json)!.AsObject();

    private static byte[] Bytes(JsonObject document) => Encoding.UTF8.GetBytes(document.ToJsonString());

    private static void Read(JsonObject document) => ManifestReader.Read(Bytes(document));
}
