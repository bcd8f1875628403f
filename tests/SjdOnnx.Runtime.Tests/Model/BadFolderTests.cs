using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace SjdOnnx.Runtime.Tests.Model;

public class BadFolderTests
{
    private const string Vocabulary = "tokenizer.vocabulary.json";

    private static readonly TextToImageOptions Fp32 = new() { Precision = Precision.Fp32, Threads = 1 };

    [Fact]
    public void A_missing_folder_is_named()
    {
        var error = Assert.Throws<ModelException>(() => TextToImage.Load("/no/such/folder"));
        Messages.AssertReadable(error);
        Assert.Contains("'/no/such/folder'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_model_json_is_not_a_model()
    {
        string folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(folder));
        Directory.Delete(folder);
        Messages.AssertReadable(error);
        Assert.Contains("has no model.json", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void A_model_json_that_is_not_JSON_is_refused() =>
        Refused(copy => File.WriteAllText(copy.PathOf("model.json"), "{ \"format\": 1,"), "model.json, line 1");

    [ModelFact]
    public void An_unknown_field_of_model_json_is_refused() =>
        Refused(copy => copy.Edit(manifest => manifest["colour"] = "blue"), "'colour'");

    [ModelFact]
    public void A_model_json_of_another_format_is_refused() =>
        Refused(copy => copy.Edit(manifest => manifest["format"] = "7.0"), "format 7.0");

    [ModelFact]
    public void A_missing_graph_is_named() => Refused(copy => File.Delete(copy.PathOf("image_decoder.onnx")), "no image_decoder.onnx");

    [ModelFact]
    public void A_truncated_vocabulary_is_refused() => Refused(
        copy => copy.Replace(Vocabulary, [.. File.ReadAllBytes(copy.PathOf(Vocabulary)).AsSpan(0, 1000)]),
        $"{Vocabulary} and tokenizer.merges.txt are not a tokenizer of kind bpe", "not a whole JSON object");

    [ModelFact]
    public void Merges_of_unknown_tokens_are_refused() => Refused(
        copy => copy.Replace("tokenizer.merges.txt", "q zzz\n"u8.ToArray()),
        "The merges join 'q' and 'zzz', but 'zzz' is not in the vocabulary");

    /// <summary>The file has no bytes on the disk.</summary>
    [ModelFact]
    public void A_vocabulary_of_3_GB_is_too_large() => Refused(
        copy =>
        {
            const long Bytes = 3_000_000_000;
            using (FileStream file = File.Create(copy.PathOf(Vocabulary)))
                file.SetLength(Bytes);
            copy.Edit(manifest => manifest["files"]![Vocabulary]!["bytes"] = Bytes);
        },
        $"the tokenizer's file '{Vocabulary}' has 3,000,000,000 bytes; it may have at most");

    [ModelFact]
    public void A_missing_weight_file_is_named() => Refused(copy => File.Delete(copy.PathOf(Weights(copy))), $"The model folder has no");

    [ModelFact]
    public void A_truncated_weight_file_is_noticed_by_its_length() => Refused(
        copy =>
        {
            using FileStream file = File.OpenWrite(copy.OwnFile(Weights(copy)));
            file.SetLength(file.Length / 2);
        },
        "bytes; model.json says");

    [ModelFact]
    public void A_changed_byte_of_the_weights_is_noticed_by_the_hash() => Refused(
        copy => ChangeByte(copy.OwnFile(Weights(copy))), "its SHA-256 is");

    [ModelFact]
    public void A_wrong_hash_is_not_noticed_if_hashes_are_not_verified()
    {
        using var copy = new ModelCopy();
        copy.Edit(manifest => manifest["files"]!["image_decoder.onnx"]!["sha256"] = new string('0', 64));
        TextToImage.Load(copy.Folder, Fp32 with { HashVerification = HashVerification.None }).Dispose();
    }

    [ModelFact]
    public void A_weight_file_that_model_json_does_not_list_is_named() =>
        Refused(copy => copy.Edit(manifest => manifest["files"]!.AsObject().Remove(Weights(copy))), "which is not among files");

    [ModelFact]
    public void A_missing_weight_file_that_no_graph_lists_is_reported_as_ONNX_Runtime_says_it() => Refused(
        copy =>
        {
            string weights = Weights(copy);
            File.Delete(copy.PathOf(weights));
            copy.Edit(manifest =>
            {
                JsonObject files = manifest["files"]!.AsObject();
                files.Remove(weights);
                foreach ((_, JsonNode? file) in files)
                    file!.AsObject().Remove("weights");
            });
        },
        "ONNX Runtime cannot load ");

    [ModelFact]
    public void A_tokenizer_with_ids_past_the_embedding_is_refused() => Refused(
        copy =>
        {
            JsonObject vocabulary = JsonNode.Parse(File.ReadAllText(copy.PathOf(Vocabulary)))!.AsObject();
            vocabulary["another"] = Facts.Ids;
            copy.Replace(Vocabulary, Encoding.UTF8.GetBytes(vocabulary.ToJsonString()));
        },
        $"The tokenizer has the id {Facts.Ids}; transformer.fp32.onnx takes ids below {Facts.Ids}.");

    [ModelFact]
    public void A_graph_of_random_bytes_is_refused() => Refused(
        copy => copy.Replace("image_decoder.onnx", [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 37))]),
        "ONNX Runtime cannot load image_decoder.onnx");

    [ModelFact]
    public void A_graph_that_ONNX_Runtime_cannot_load_is_refused() => Refused(
        // a model whose only graph is empty
        copy => copy.Replace("image_decoder.onnx", [0x08, 0x0a, 0x3a, 0x00]), "ONNX Runtime cannot load image_decoder.onnx");

    [ModelFact]
    public void A_graph_with_fewer_layers_than_model_json_says_is_refused() =>
        Refused(
            copy => Transformer(copy, "layers", Facts.Layers + 1),
            $"model.json says {Facts.Layers + 1} layers", $"has no input 'past.{Facts.Layers}.0.key'");

    [ModelFact]
    public void A_graph_with_more_layers_than_model_json_says_is_refused() =>
        Refused(
            copy => Transformer(copy, "layers", Facts.Layers - 1),
            $"model.json says {Facts.Layers - 1} layers", $"'past.{Facts.Layers - 1}.0.key'");

    [ModelFact]
    public void A_graph_with_other_lanes_than_model_json_says_is_refused() =>
        Refused(
            copy =>
            {
                Transformer(copy, "lanes", 1);
                copy.Edit(manifest => manifest["sampling"]!["guidance"] = 1);
                copy.Edit(manifest =>
                {
                    foreach ((_, JsonNode? precision) in manifest["transformer"]!["precisions"]!.AsObject())
                        precision!["lane"] = null;
                });
            },
            "model.json says 1 lane", "expected [1]");

    [ModelFact]
    public void A_graph_for_one_lane_of_a_model_with_one_lane_is_refused() =>
        Refused(copy => Transformer(copy, "lanes", 1), "lane names a graph for one lane, but transformer.lanes is 1");

    [ModelFact]
    public void A_graph_with_another_width_of_heads_than_model_json_says_is_refused() =>
        Refused(
            copy => Transformer(copy, "headDim", Facts.HeadDim * 2),
            $"heads of {Facts.HeadDim * 2}", $"expected [1, {Facts.KvHeads}, ?, {Facts.HeadDim * 2}]");

    [ModelFact]
    public void A_graph_with_another_codebook_than_model_json_says_is_refused() =>
        Refused(
            copy => copy.Edit(manifest => manifest["layout"]!["codes"] = Facts.Codes * 2),
            $"model.json says {Facts.Codes * 2} codes", "'logits'");

    [ModelFact]
    public void A_graph_with_another_type_of_cache_than_model_json_says_is_refused() =>
        Refused(
            copy => copy.Edit(manifest => manifest["transformer"]!["precisions"]!["fp32"]!["cache"] = "float16"),
            "a cache of float16", "expected Float16");

    [ModelFact]
    public void A_transformer_in_place_of_the_image_decoder_is_refused() =>
        Refused(
            copy => copy.Replace("image_decoder.onnx", File.ReadAllBytes(copy.PathOf("transformer.fp32.onnx"))),
            "image_decoder.onnx has no input 'codes'");

    [ModelFact]
    public void A_missing_graph_of_a_batch_is_named() =>
        Refused(copy => File.Delete(copy.PathOf("transformer.fp32.x4.onnx")), "no transformer.fp32.x4.onnx");

    /// <summary>Such a graph is opened when the first batch needs it.</summary>
    [ModelFact]
    public void A_graph_for_a_batch_with_other_lanes_than_model_json_says_is_refused()
    {
        using var copy = new ModelCopy();
        copy.Replace("transformer.fp32.x4.onnx", File.ReadAllBytes(copy.PathOf("transformer.fp32.x2.onnx")));
        var options = new TextToImageOptions { Precision = Precision.Fp32, Threads = 1, ExpectedBatch = 4 };
        var error = Assert.Throws<ModelException>(() => TextToImage.Load(copy.Folder, options).Dispose());
        Messages.AssertReadable(error);
        Assert.Contains("8 lanes for 4 ", error.Message, StringComparison.Ordinal);
        Assert.Contains("transformer.fp32.x4.onnx", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void An_unknown_default_method_is_refused() =>
        Refused(copy => copy.Edit(manifest => manifest["decoding"]!["method"] = "psychic"), "decoding.method is 'psychic'");

    [ModelFact]
    public void An_unknown_precision_is_refused_and_the_models_are_listed()
    {
        using var copy = new ModelCopy();
        string message = copy.LoadFails(Precision.Parse("fp8"));
        Assert.Contains("'fp8'", message, StringComparison.Ordinal);
        Assert.Contains("fp32", message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void A_model_json_of_3_GB_is_too_large() => Refused(
        copy =>
        {
            using FileStream file = File.OpenWrite(copy.PathOf("model.json"));
            file.SetLength(3_000_000_000); // a hole that takes no space
        },
        "model.json is too large: it has 3,000,000,000 bytes");

    [ModelFact(UnixOnly = true)]
    public void A_pipe_or_a_device_in_place_of_model_json_is_refused()
    {
        Refused(copy => MakePipe(copy.PathOf("model.json")), "model.json is empty, or is not a regular file");
        Refused(copy => MakeLink(copy.PathOf("model.json"), "/dev/zero"), "model.json is empty, or is not a regular file");
    }

    [ModelFact(UnixOnly = true)]
    public void A_pipe_or_a_device_in_place_of_a_graph_or_a_vocabulary_is_refused()
    {
        Refused(copy => MakePipe(copy.PathOf("image_decoder.onnx")), "image_decoder.onnx has 0 bytes", "is not a regular file");
        Refused(
            copy => MakeLink(copy.PathOf("image_decoder.onnx"), "/dev/zero"), "image_decoder.onnx has 0 bytes", "is not a regular file");
        Refused(copy => MakePipe(copy.PathOf(Vocabulary)), $"{Vocabulary} has 0 bytes", "is not a regular file");
    }

    [ModelFact(UnixOnly = true)]
    public void Weights_behind_a_link_out_of_the_folder_are_refused_with_a_remedy() => Refused(
        copy => MakeLink(copy.PathOf(Weights(copy)), Path.Combine(TestModel.Folder!, Weights(copy))),
        "is a symbolic link to ", "Put the file itself there in place of the link");

    [ModelFact(UnixOnly = true)]
    public void A_link_that_leads_nowhere_is_named() =>
        Refused(copy => MakeLink(copy.PathOf("image_decoder.onnx"), "/no/such/file"), "image_decoder.onnx");

    [ModelFact(UnixOnly = true)]
    public void A_link_to_the_folder_and_links_within_it_are_followed()
    {
        using var copy = new ModelCopy();
        string weights = copy.PathOf(Weights(copy));
        File.Move(weights, weights + ".real");
        MakeLink(weights, Path.GetFileName(weights) + ".real");
        string graph = copy.PathOf("image_decoder.onnx");
        MakeLink(graph, Path.Combine(TestModel.Folder!, "image_decoder.onnx"));
        string link = copy.PathOf("link");
        Directory.CreateSymbolicLink(link, copy.Folder);
        using TextToImage model = TextToImage.Load(link, Fp32);
        Assert.Equal("emoji", model.Model.Name);
    }

    [ModelFact(UnixOnly = true)]
    public void A_folder_of_links_as_in_the_cache_of_a_hub_loads()
    {
        using var copy = new ModelCopy();
        string snapshot = Directory.CreateDirectory(copy.PathOf("snapshot")).FullName;
        foreach (string file in Directory.GetFiles(copy.Folder))
        {
            File.Move(file, file + ".blob");
            File.CreateSymbolicLink(Path.Combine(snapshot, Path.GetFileName(file)), $"../{Path.GetFileName(file)}.blob");
        }
        using TextToImage model = TextToImage.Load(snapshot, Fp32);
        Assert.Equal("emoji", model.Model.Name);
    }

    [ModelTheory]
    [InlineData("layout", "rowSuffix", "[1000000]", "layout.rowSuffix has the id 1000000; transformer.fp32.onnx takes ids below")]
    [InlineData("layout", "suffix", "[1000000]", "layout.suffix has the id 1000000; transformer.fp32.onnx takes ids below")]
    [InlineData("layout", "firstCode", "1000000", "from id 1000000 on")]
    [InlineData("prompt", "conditional", "[{\"text\": \"{prompt}\"}, 1000000]", "has a token, whose largest id is 1000000")]
    [InlineData("prompt", "unconditional", "[{\"fill\": 1000000}]", "prompt.unconditional has a fill, whose largest id is 1000000")]
    [InlineData("prompt", "conditional", "[{\"class\": 0, \"of\": 1000000}]", "has 1000000 classes, whose largest id is 999999")]
    [InlineData("prompt", "unconditional", "[{\"from\": 1000000, \"plus\": \"rows\", \"per\": 2}]", "whose largest id is 1000008")]
    [InlineData("transformer", "maxPositions", "100000", "transformer.maxPositions 100000; transformer.fp32.onnx has 512 positions")]
    [InlineData("image", "pixelsPerCode", "16", "image.pixelsPerCode 16; image_decoder.onnx has 8 pixels per code")]
    public void Ids_and_pixels_of_model_json_that_do_not_match_the_graphs_are_refused(
        string section, string field, string value, string sentence) =>
        Refused(copy => copy.Edit(manifest => manifest[section]![field] = JsonNode.Parse(value)), sentence);

    [ModelFact]
    public void A_file_that_has_not_changed_is_hashed_again_only_if_that_is_asked_for()
    {
        using var copy = new ModelCopy();
        string cache = Path.Combine(copy.Folder, "cache"), weights = copy.OwnFile(Weights(copy));
        DateTime time = File.GetLastWriteTimeUtc(weights);
        Load(HashVerification.Once);
        ChangeByte(weights);
        File.SetLastWriteTimeUtc(weights, time); // as if it had not changed
        Load(HashVerification.Once);
        Assert.Contains("its SHA-256 is", Fails(HashVerification.Always), StringComparison.Ordinal);
        Assert.Contains("its SHA-256 is", Fails(HashVerification.Once), StringComparison.Ordinal); // the file is no longer remembered
        Load(HashVerification.None);

        ChangeByte(weights); // back
        File.SetLastWriteTimeUtc(weights, time);
        Load(HashVerification.Once);
        ChangeByte(weights);
        Assert.Contains("its SHA-256 is", Fails(HashVerification.Once), StringComparison.Ordinal);

        void Load(HashVerification verification)
        {
            TextToImageOptions options = Fp32 with { CacheFolder = cache, HashVerification = verification };
            TextToImage.Load(copy.Folder, options).Dispose();
        }

        string Fails(HashVerification verification) => Assert.Throws<ModelException>(() => Load(verification)).Message;
    }

    private static void ChangeByte(string path)
    {
        using FileStream file = File.Open(path, FileMode.Open);
        file.Position = file.Length / 2;
        int old = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(old ^ 1));
    }

    private static void MakeLink(string path, string target)
    {
        File.Delete(path);
        File.CreateSymbolicLink(path, target);
    }

    private static void MakePipe(string path)
    {
        File.Delete(path);
        using Process made = Process.Start("mkfifo", path);
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
    }

    /// <summary>The largest file is the weights.</summary>
    private static string Weights(ModelCopy copy) =>
        Path.GetFileName(Directory.GetFiles(copy.Folder).MaxBy(file => new FileInfo(file).Length)!);

    private static void Transformer(ModelCopy copy, string field, int value) =>
        copy.Edit(manifest => manifest["transformer"]![field] = value);

    private static void Refused(Action<ModelCopy> damage, params string[] parts)
    {
        using var copy = new ModelCopy();
        damage(copy);
        string message = copy.LoadFails(Precision.Fp32);
        foreach (string part in parts)
            Assert.Contains(part, message, StringComparison.Ordinal);
    }

    private static class Facts
    {
        private static readonly JsonNode Manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(TestModel.Folder!, "model.json")))!;

        public static int Layers => (int)Manifest["transformer"]!["layers"]!;

        public static int KvHeads => (int)Manifest["transformer"]!["kvHeads"]!;

        public static int HeadDim => (int)Manifest["transformer"]!["headDim"]!;

        /// <summary>Rows of the embedding: the tokenizer has a token for each.</summary>
        public static int Ids => 1760;

        public static int Codes => (int)Manifest["layout"]!["codes"]!;
    }
}
