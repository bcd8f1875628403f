using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Tests.Model;

public class ManifestTests
{
    [Fact]
    public void A_whole_manifest_is_read()
    {
        Manifest manifest = Read(_ => { });

        Assert.Equal("emoji", manifest.Name);
        Assert.Equal([new PromptPart.Id(0), new PromptPart.Text("{prompt}"), new PromptPart.Id(1031)], manifest.Prompt.Conditional);
        Assert.Equal([1030], manifest.Layout.RowSuffix);
        Assert.Equal(3f, manifest.Sampling.Guidance);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{ \"name\": \"emoji\" }")]
    [InlineData("not json at all")]
    public void JSON_that_is_not_a_manifest_is_refused(string json) =>
        Refused(() => ManifestReader.Read(Encoding.UTF8.GetBytes(json)), "model.json");

    [Fact]
    public void A_newer_major_format_is_named_before_its_unknown_fields() =>
        Refused(
            () => Read(manifest => (manifest["format"], manifest["novelty"]) = ("4.1", true)),
            "format 4.1; this engine reads 3.0. A newer SjdOnnx is needed");

    [Theory]
    [InlineData("flow", "This is a flow, and a model that draws images from text is needed here. Use 'sjd flow', or FlowModel")]
    [InlineData("thought", "Use 'sjd think'")]
    [InlineData("policy", "Use 'sjd act'")]
    [InlineData("fortune", "kind 'fortune'; it can be flow, thought, policy, or be left out")]
    public void A_model_of_another_kind_is_named_before_its_unknown_fields(string kind, string sentence) =>
        Refused(() => Read(manifest => (manifest["kind"], manifest["novelty"]) = (kind, true)), sentence);

    [Theory]
    [InlineData("2")]
    [InlineData("1")]
    [InlineData("3.0")]
    public void A_format_that_is_a_number_is_older_and_the_model_must_be_exported_again(string format) =>
        Refused(
            () => Read(manifest => manifest["format"] = JsonNode.Parse(format)),
            $"format {format}, which is older", "Run export/export.py");

    [Theory]
    [InlineData("\"2.9\"", "format 2.9; this engine reads 3.0. Run export/export.py")]
    [InlineData("\"3\"", "two numbers")]
    [InlineData("\"3.0.1\"", "two numbers")]
    [InlineData("\"3.-1\"", "two numbers")]
    [InlineData("\"99999999999.0\"", "two numbers")]
    [InlineData("null", "two numbers")]
    public void A_format_that_is_not_two_numbers_is_refused(string format, string sentence) =>
        Refused(() => Read(manifest => manifest["format"] = JsonNode.Parse(format)), sentence);

    [Fact]
    public void Unknown_fields_of_a_newer_minor_format_are_ignored()
    {
        Manifest manifest = Read(manifest =>
        {
            manifest["format"] = "3.1";
            manifest["novelty"] = true;
            manifest["layout"]!["novelty"] = new JsonArray(1);
            manifest["prompt"]!["conditional"] = JsonNode.Parse("""[{ "text": "{prompt}", "novelty": 1 }]""");
        });
        Assert.Equal([new PromptPart.Text("{prompt}")], manifest.Prompt.Conditional);
        Refused(() => Read(manifest =>
        {
            manifest["format"] = "3.1";
            manifest["prompt"]!["conditional"] = JsonNode.Parse("""[{ "novelty": 1 }]""");
        }), "an object with text");
    }

    [Fact]
    public void A_byte_order_mark_is_accepted() =>
        Assert.Equal("emoji", ManifestReader.Read([.. Encoding.UTF8.GetPreamble(), .. Encoding.UTF8.GetBytes(Whole)]).Name);

    [Fact]
    public void Ids_that_do_not_fit_into_32_bits_are_refused()
    {
        Refused(
            () => Read(manifest => manifest["layout"]!["firstCode"] = int.MaxValue), "from id 2147483647 on, so the last is 2147484670");
        Refused(
            () => Read(manifest => manifest["prompt"]!["conditional"] = JsonNode.Parse("""[{ "class": 2147483647, "of": 2 }]""")),
            "2 classes, whose largest id is 2147483648");
    }

    [Fact]
    public void Weights_of_a_graph_must_be_among_the_files()
    {
        Assert.Empty(Read(_ => { }).Files["transformer.fp32.onnx"].Weights);
        Manifest manifest = Read(manifest => Weights(manifest, "image_decoder.onnx"));
        Assert.Equal(["image_decoder.onnx"], manifest.Files["transformer.fp32.onnx"].Weights);
        Refused(
            () => Read(manifest => Weights(manifest, "w.data")),
            "transformer.fp32.onnx reads its weights from 'w.data', which is not among files");

        static void Weights(JsonObject manifest, string name) =>
            manifest["files"]!["transformer.fp32.onnx"]!["weights"] = new JsonArray(name);
    }

    [Fact]
    public void An_unknown_field_is_refused_by_name() =>
        Refused(() => Read(manifest => manifest["layout"]!["colums"] = 16), "'colums'", "line");

    [Theory]
    [InlineData("FP32")]
    [InlineData("fp 32")]
    [InlineData("")]
    public void A_precision_whose_name_is_not_one_is_refused(string name) => Refused(
        () => Read(manifest =>
        {
            JsonObject precisions = manifest["transformer"]!["precisions"]!.AsObject();
            precisions[name] = precisions["fp32"]!.DeepClone();
        }),
        $"transformer.precisions has '{name}'");

    [Fact]
    public void A_missing_field_is_refused_by_name() =>
        Refused(() => Read(manifest => manifest["image"]!.AsObject().Remove("sizes")), "'sizes'");

    [Fact]
    public void A_required_field_that_is_null_is_refused() => Refused(() => Read(manifest => manifest["name"] = null), "'Name'");

    [Fact]
    public void A_field_of_the_wrong_type_is_refused() =>
        Refused(() => Read(manifest => manifest["transformer"]!["layers"] = "eight"), "line");

    [Theory]
    [InlineData("transformer", "layers", "0", "transformer.layers is 0")]
    [InlineData("transformer", "lanes", "3", "transformer.lanes is 3")]
    [InlineData("transformer", "maxPositions", "300", "transformer.maxPositions is 300")]
    [InlineData("transformer", "defaultPrecision", "\"int3\"", "'int3'")]
    [InlineData("prompt", "conditional", "[0, 1031]", "the user's words")]
    [InlineData("prompt", "conditional", "[0, { \"text\": \"a picture\" }]", "the user's words")]
    [InlineData("prompt", "conditional", "[0, \"prompt\"]", "an object with text")]
    [InlineData("prompt", "conditional", "[{ \"text\": 7 }]", "an object with text")]
    [InlineData("prompt", "conditional", "[{ \"text\": \"{prompt}\", \"fill\": 1 }]", "an object with text")]
    [InlineData("prompt", "conditional", "[{ \"text\": \"{prompt}\" }, { \"fill\": 1 }]", "belongs in prompt.unconditional")]
    [InlineData("prompt", "conditional", "[{ \"text\": \"{prompt}{negative}\" }]", "prompt.negative is null")]
    [InlineData("prompt", "conditional", "[{ \"text\": \"{prompt} at {widht}\" }]", "braces are for {prompt}, {negative}")]
    [InlineData("prompt", "conditional", "[{ \"encoded\": \"prompt\" }]", "there is no textEncoder")]
    [InlineData("prompt", "conditional", "[{ \"class\": 4, \"of\": 0 }]", "class 4 of 0")]
    [InlineData("prompt", "conditional", "[{ \"text\": \"{prompt}\" }, { \"from\": 8, \"plus\": \"height\", \"per\": 2 }]", "plus height")]
    [InlineData("prompt", "unconditional", "[]", "prompt.unconditional")]
    [InlineData("prompt", "unconditional", "[0, { \"text\": \"{prompt}\" }]", "prompt.unconditional")]
    [InlineData("prompt", "cleaning", "\"soap\"", "'soap'")]
    [InlineData("sampling", "order", "[\"topP\", \"guidance\", \"temperature\", \"topK\"]", "sampling.order")]
    [InlineData("decoding", "sequential", "{ \"first\": -1, \"last\": 0 }", "decoding.sequential.first is -1")]
    [InlineData("layout", "codes", "1", "layout.codes is 1")]
    [InlineData("image", "sizes", "[]", "image.sizes is empty")]
    [InlineData("image", "sizes", "[[128, 127]]", "[128, 127]")]
    [InlineData("image", "graph", "\"other.onnx\"", "'other.onnx'")]
    [InlineData("files", "../secret", "{ \"sha256\": \"00\", \"bytes\": 1 }", "'../secret'")]
    public void An_impossible_value_is_refused_with_a_sentence(string section, string field, string value, string sentence) =>
        Refused(() => Read(manifest => manifest[section]![field] = JsonNode.Parse(value)), sentence);

    [Fact]
    public void The_window_is_a_number_or_auto()
    {
        Assert.Equal(16, Read(_ => { }).Decoding.Window);
        Assert.True(Read(manifest => manifest["decoding"]!["window"] = "auto").Decoding.Window.IsAuto);
        Refused(() => Read(manifest => manifest["decoding"]!["window"] = "wide"), "the string \"auto\"");
    }

    [Fact]
    public void A_precision_may_have_graphs_for_batches_and_trees_or_none()
    {
        Assert.Equal(["transformer.fp32.onnx"], Read(_ => { }).Transformer.Precisions["fp32"].Graphs);

        PrecisionSection precision = Read(manifest => WithBatch(manifest, "4")).Transformer.Precisions["fp32"];
        Assert.Equal("x.onnx", precision.Batches[4]);
        Assert.Equal("t.onnx", precision.Tree);
        Assert.Equal(["transformer.fp32.onnx", "x.onnx", "t.onnx"], precision.Graphs);
    }

    [Theory]
    [InlineData("1", "batches has 1; a batch holds 2 to 64 ")]
    [InlineData("65", "batches has 65")]
    [InlineData("many", "line")]
    public void An_impossible_size_of_a_batch_is_refused(string images, string sentence) =>
        Refused(() => Read(manifest => WithBatch(manifest, images)), sentence);

    [Fact]
    public void A_graph_of_a_batch_must_be_among_the_files() =>
        Refused(
            () => Read(manifest =>
            {
                WithBatch(manifest, "2");
                manifest["files"]!.AsObject().Remove("x.onnx");
            }),
            "the graph 'x.onnx' is not among files");

    [Fact]
    public void Every_kind_of_prompt_part_is_read_and_written_back()
    {
        const string parts = """[0,{"text":"{prompt}"},{"from":8804,"plus":"rows","per":2},{"class":16384,"of":1000}]""";
        Manifest manifest = Read(manifest => manifest["prompt"]!["conditional"] = JsonNode.Parse(parts));
        PromptPart[] expected =
        [
            new PromptPart.Id(0), new PromptPart.Text("{prompt}"), new PromptPart.Side(8804, "rows", 2), new PromptPart.Class(16384, 1000),
        ];
        Assert.Equal(expected, manifest.Prompt.Conditional);
        Assert.Equal(parts, JsonSerializer.Serialize(manifest.Prompt.Conditional));

        manifest = Read(manifest => manifest["prompt"]!["unconditional"] = JsonNode.Parse("""[0,{"fill":100015}]"""));
        Assert.Equal([new PromptPart.Id(0), new PromptPart.Fill(100015)], manifest.Prompt.Unconditional);
        Assert.Equal("""[0,{"fill":100015}]""", JsonSerializer.Serialize(manifest.Prompt.Unconditional));
    }

    [Fact]
    public void A_manifest_may_have_a_section_for_denoising()
    {
        Assert.Null(Read(_ => { }).Denoising);

        DenoisingSection denoising = Read(manifest => manifest["denoising"] = Denoising()).Denoising!;
        Assert.Equal((2, 256), (denoising.Steps, denoising.Hidden));
        Assert.Equal([1, 0.5f, 0], denoising.Alpha);
        Assert.Equal([0, 0.5f, 1], denoising.Sigma);
    }

    [Theory]
    [InlineData("steps", "0", "denoising.steps is 0; it must be at least 1")]
    [InlineData("steps", "2147483647", "denoising.steps is 2147483647; it must be at least 1 and at most 1024")]
    [InlineData("hidden", "0", "denoising.hidden is 0; it must be at least 1")]
    [InlineData("normalization", "\"layer\"", "denoising.normalization is 'layer'; it can be channel")]
    [InlineData("levels", "\"shouted\"", "denoising.levels is 'shouted'; it can be added, untold or token")]
    [InlineData("alpha", "[1, 0]", "denoising.alpha has 2 values and denoising.sigma 3")]
    [InlineData("alpha", "[1, 1, 0]", "denoising.alpha goes from 1 to 1 at entry 1; it must fall all the way")]
    [InlineData("alpha", "[1, 0.5, -0.1]", "denoising.alpha ends with -0.1; level 1 is noise alone, so it must end with 0")]
    [InlineData("alpha", "[1, 0.5, 0.1]", "denoising.alpha ends with 0.1")]
    [InlineData("alpha", "[1, 1.5, 0]", "denoising.alpha goes from 1 to 1.5 at entry 1")]
    [InlineData("alpha", "[0.9, 0.5, 0]", "denoising.alpha begins with 0.9 and denoising.sigma with 0")]
    [InlineData("sigma", "[0, 0.7, 0.6]", "denoising.sigma goes from 0.7 to 0.6 at entry 2; it must rise all the way")]
    [InlineData("sigma", "[0.1, 0.5, 1]", "denoising.alpha begins with 1 and denoising.sigma with 0.1")]
    [InlineData("sigma", "[0, 0.5, 1e99]", "at entry 2; it must rise all the way, to a number")]
    [InlineData("sigma", "[]", "denoising.sigma 0")]
    public void An_impossible_noise_schedule_is_refused(string field, string value, string sentence) => Refused(
        () => Read(manifest =>
        {
            manifest["denoising"] = Denoising();
            manifest["denoising"]![field] = JsonNode.Parse(value);
        }),
        sentence);

    [Fact]
    public void With_a_text_encoder_a_prompt_needs_no_text_part()
    {
        Manifest manifest = Read(WithTextEncoder);
        Assert.Equal([new PromptPart.Encoded(Words: true)], manifest.Prompt.Conditional);
        Assert.Equal(["text_encoder.onnx", "image_decoder.onnx"], manifest.OtherGraphs);
        Assert.Equal("""[{"encoded":"nothing"}]""", JsonSerializer.Serialize(manifest.Prompt.Unconditional));

        Refused(() => Read(manifest =>
        {
            WithTextEncoder(manifest);
            WithBatch(manifest, "2");
        }), "batches");
        Refused(() => Read(manifest =>
        {
            WithTextEncoder(manifest);
            manifest["textEncoder"]!["ids"] = new JsonArray(1);
        }), "textEncoder.ids");
        Refused(() => Read(manifest =>
        {
            WithTextEncoder(manifest);
            manifest["textEncoder"]!["places"] = 241;
        }), "the longest prompt (241 tokens)");
    }

    [Fact]
    public void A_prompt_without_text_needs_no_tokenizer()
    {
        Manifest manifest = Read(manifest =>
        {
            manifest.Remove("tokenizer");
            manifest["prompt"]!["conditional"] = JsonNode.Parse("""[{ "class": 1024, "of": 8 }]""");
        });
        Assert.Equal(["image_decoder.onnx"], manifest.OtherGraphs);
        Refused(() => Read(manifest => manifest.Remove("tokenizer")), "prompt has text, and there is no tokenizer");
    }

    [Theory]
    [InlineData("kind", "\"wordpiece\"", "tokenizer.kind is 'wordpiece'; it can be bpe, tiktoken, unigram")]
    [InlineData("kind", "\"tiktoken\"", "tokenizer.merges names a file, and tokenizer.kind is tiktoken; only bpe has merges")]
    [InlineData("merges", "\"other.txt\"", "the tokenizer's file 'other.txt' is not among files")]
    [InlineData("vocabulary", "\"other.json\"", "the tokenizer's file 'other.json' is not among files")]
    [InlineData("normalizers", "[\"nfkc\"]", "tokenizer.normalizers has 'nfkc'; it can have lowercase, nfc")]
    [InlineData("standIns", "[[65536, 65535, 97]]", "tokenizer.standIns must hold")]
    [InlineData("standIns", "[[65536, 65537, 65538]]", "tokenizer.standIns must hold")]
    [InlineData("standIns", "[[65536, 65537]]", "tokenizer.standIns must hold")]
    [InlineData("characters", "{\"ab\": 1}", "tokenizer.characters must hold single characters")]
    [InlineData("unknownId", "-1", "tokenizer.unknownId is -1; it must be 0 or more")]
    public void An_impossible_tokenizer_section_is_refused(string field, string value, string sentence) =>
        Refused(() => Read(manifest => manifest["tokenizer"]![field] = JsonNode.Parse(value)), sentence);

    private static void WithTextEncoder(JsonObject manifest)
    {
        manifest["textEncoder"] = JsonNode.Parse("""
            { "graph": "text_encoder.onnx", "places": 120, "firstId": 1024, "ids": [{ "text": "{prompt}" }, 1] }
            """);
        manifest["prompt"]!["conditional"] = JsonNode.Parse("""[{ "encoded": "prompt" }]""");
        manifest["prompt"]!["unconditional"] = JsonNode.Parse("""[{ "encoded": "nothing" }]""");
        manifest["files"]!["text_encoder.onnx"] = new JsonObject { ["sha256"] = new string('0', 64), ["bytes"] = 1 };
    }

    private static void WithBatch(JsonObject manifest, string images)
    {
        JsonNode precision = manifest["transformer"]!["precisions"]!["fp32"]!;
        precision["batches"] = new JsonObject { [images] = "x.onnx" };
        precision["tree"] = "t.onnx";
        foreach (string graph in (string[])["x.onnx", "t.onnx"])
            manifest["files"]![graph] = new JsonObject { ["sha256"] = new string('0', 64), ["bytes"] = 1 };
    }

    private static void Refused(Action read, params string[] parts)
    {
        var error = Assert.Throws<ModelException>(read);
        Messages.AssertReadable(error);
        foreach (string part in parts)
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private static Manifest Read(Action<JsonObject> change)
    {
        JsonObject manifest = JsonNode.Parse(Whole)!.AsObject();
        change(manifest);
        return ManifestReader.Read(Encoding.UTF8.GetBytes(manifest.ToJsonString(new() { WriteIndented = true })));
    }

    private const string Whole = """
        {
          "format": "3.0", "name": "emoji", "family": "chameleon",
          "license": { "id": "MIT", "notice": "one line", "commercial": true },
          "transformer": {
            "layers": 8, "kvHeads": 8, "headDim": 32, "lanes": 2, "maxPositions": 512,
            "precisions": { "fp32": { "graph": "transformer.fp32.onnx", "cache": "float32" } },
            "defaultPrecision": "fp32"
          },
          "tokenizer": { "kind": "bpe", "vocabulary": "tokenizer.vocabulary.json", "merges": "tokenizer.merges.txt" },
          "prompt": { "conditional": [0, { "text": "{prompt}" }, 1031], "unconditional": [0, 1031], "maxTokens": 128 },
          "layout": { "firstCode": 4, "codes": 1024, "rowSuffix": [1030], "suffix": [1028] },
          "image": { "graph": "image_decoder.onnx", "pixelsPerCode": 8, "sizes": [[128, 128]] },
          "sampling": { "guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0, "order": ["guidance", "temperature", "topK", "topP"] },
          "decoding": { "method": "sjd", "window": 16, "initialization": "uniform" },
          "files": {
            "transformer.fp32.onnx": { "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "bytes": 1 },
            "tokenizer.vocabulary.json": { "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "bytes": 1 },
            "tokenizer.merges.txt": { "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "bytes": 1 },
            "image_decoder.onnx": { "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "bytes": 1 }
          }
        }
        """;

    private static JsonNode Denoising() =>
        JsonNode.Parse("""
            { "steps": 2, "hidden": 256, "normalization": "channel", "levels": "added", "alpha": [1, 0.5, 0], "sigma": [0, 0.5, 1] }
            """)!;
}
