using System.Globalization;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Model;

/// <summary>The names of all graphs' inputs and outputs, and the checks at load that each graph agrees with model.json.</summary>
internal static class GraphContract
{
    public const string InputIds = "input_ids";
    public const string LaneLengths = "lane_lengths";
    public const string LogitsRows = "logits_rows";
    public const string Logits = "logits";
    public const string Codes = "codes";
    public const string Rgb = "rgb";
    public const string Ids = "ids";
    public const string Condition = "condition";
    public const string PositionOffset = "position_offset";

    // Keys of numbers in the graphs' metadata.
    private const string IdsKey = "sjdonnx.ids";
    private const string PositionsKey = "sjdonnx.max_positions";
    private const string PlacesKey = "sjdonnx.places";
    private const string CodesKey = "sjdonnx.codes";
    private const string PixelsKey = "sjdonnx.pixels_per_code";

    public const string NoisyEmbeddings = "noisy_embeddings";
    public const string Denoising = "denoising";
    public const string DenoisedEmbeddings = "denoised_embeddings";

    /// <summary>
    /// Numbers of each row of <see cref="Denoising"/>: the factor of the previous embedding, the factor of the id's own embedding, and the
    /// level.
    /// </summary>
    public const int DenoisingFields = 3;

    public static string SeqLensK(int lane) => $"seqlens_k.{lane}";

    public static string TotalSequenceLength(int lane) => $"total_sequence_length.{lane}";

    public static string PositionIds(int lane) => $"position_ids.{lane}";

    public static string AttentionBias(int lane) => $"attention_bias.{lane}";

    /// <param name="kind"><c>key</c> or <c>value</c>.</param>
    public static string Past(int layer, int lane, string kind) => $"past.{layer}.{lane}.{kind}";

    /// <inheritdoc cref="Past"/>
    public static string Present(int layer, int lane, string kind) => $"present.{layer}.{lane}.{kind}";

    public static TensorElementType CacheType(PrecisionSection precision) =>
        precision.Cache switch
        {
            "float16" => TensorElementType.Float16,
            "bfloat16" => TensorElementType.BFloat16,
            _ => TensorElementType.Float,
        };

    /// <param name="count">Lanes in a run.</param>
    /// <param name="tree">Whether the new tokens of an image may form a tree.</param>
    public static void CheckTransformer(Session session, Manifest manifest, PrecisionSection precision, int count, bool tree)
    {
        (TransformerSection transformer, LayoutSection layout) = (manifest.Transformer, manifest.Layout);
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        int images = count / transformer.Lanes;
        string lanes = images < 2 ? $"{count} lane{(count == 1 ? "" : "s")}" : $"{count} lanes for {images} images";
        graph.RequireInput("a transformer", InputIds, TensorElementType.Int64, 1, Graph.Any);
        graph.RequireInput(lanes, LaneLengths, TensorElementType.Int64, count);
        graph.RequireInput("a transformer", LogitsRows, TensorElementType.Int64, Graph.Any);
        for (var lane = 0; lane < count; lane++)
        {
            graph.RequireInput(lanes, SeqLensK(lane), TensorElementType.Int32, 1);
            graph.RequireInput(lanes, TotalSequenceLength(lane), TensorElementType.Int32);
            if (!tree)
                continue;
            graph.RequireInput("a graph of trees", PositionIds(lane), TensorElementType.Int64, 1, Graph.Any);
            graph.RequireInput("a graph of trees", AttentionBias(lane), TensorElementType.Float, 1, 1, Graph.Any, Graph.Any);
        }
        var cache = $"{transformer.Layers} layers with {transformer.KvHeads} key/value heads of {transformer.HeadDim}, " +
            $"{lanes} and a cache of {precision.Cache}";
        for (var layer = 0; layer < transformer.Layers; layer++)
        {
            for (var lane = 0; lane < count; lane++)
            {
                foreach (string kind in (string[])["key", "value"])
                {
                    int[] shape = [1, transformer.KvHeads, Graph.Any, transformer.HeadDim];
                    graph.RequireInput(cache, Past(layer, lane, kind), CacheType(precision), shape);
                    graph.RequireOutput(cache, Present(layer, lane, kind), CacheType(precision), shape);
                }
            }
        }
        if (manifest.TextEncoder is not null)
        {
            graph.RequireInput("a text encoder", Condition, TensorElementType.Float, Graph.Any, Graph.Any);
            graph.RequireInput("a text encoder", PositionOffset, TensorElementType.Int64, 1);
        }
        if (manifest.Denoising is { Hidden: int hidden })
        {
            string channels = $"denoising of {hidden} channels";
            graph.RequireInput(channels, NoisyEmbeddings, TensorElementType.Float, 1, Graph.Any, hidden);
            graph.RequireInput(channels, Denoising, TensorElementType.Float, 1, Graph.Any, DenoisingFields);
            graph.RequireOutput(channels, DenoisedEmbeddings, TensorElementType.Float, 1, Graph.Any, hidden);
        }
        graph.RequireOutput($"{layout.Codes} codes", Logits, TensorElementType.Float, 1, Graph.Any, layout.Codes);
        graph.RequireNoOtherInput($"{transformer.Layers} layers and {lanes}");
        RequireEqual("transformer.maxPositions", transformer.MaxPositions, session, "positions", Metadata(session, PositionsKey));
        int ids = Metadata(session, IdsKey);
        ManifestRules.CheckIds(manifest, ids, $"{session.File} takes ids below {ids}");
        // The ids past the embedding stand for the text encoder's vectors.
        if (manifest.TextEncoder is { } encoder)
            RequireEqual("textEncoder.firstId", encoder.FirstId, session, "ids in its embedding", ids);
    }

    public static void CheckImageDecoder(Session session, Manifest manifest)
    {
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        graph.RequireInput("an image decoder", Codes, TensorElementType.Int64, 1, Graph.Any, Graph.Any);
        graph.RequireOutput("an image decoder", Rgb, TensorElementType.UInt8, 1, Graph.Any, Graph.Any, 3);
        graph.RequireNoOtherInput("an image decoder");
        RequireEqual("image.pixelsPerCode", manifest.Image.PixelsPerCode, session, "pixels per code", Metadata(session, PixelsKey));
        int codes = Metadata(session, CodesKey);
        if (manifest.Layout.Codes > codes)
        {
            throw new ModelException(
                $"model.json says layout.codes {manifest.Layout.Codes}; {session.File} has a codebook of {codes}. {ModelException.Remedy}");
        }
    }

    /// <param name="transformer">A graph that reads the text encoder's vectors.</param>
    public static void CheckTextEncoder(Session session, Manifest manifest, Session transformer)
    {
        int channels = transformer.Inference.InputMetadata[Condition].Dimensions[1];
        string vectors = $"a text encoder, whose vectors {transformer.File} reads with {channels} channels";
        var graph = new Graph(session.File, session.Inference.InputMetadata, session.Inference.OutputMetadata);
        graph.RequireInput("a text encoder", Ids, TensorElementType.Int64, 1, Graph.Any);
        graph.RequireOutput(vectors, Condition, TensorElementType.Float, Graph.Any, channels);
        graph.RequireNoOtherInput("a text encoder");
        TextEncoderSection encoder = manifest.TextEncoder!;
        RequireEqual("textEncoder.places", encoder.Places, session, "places", Metadata(session, PlacesKey));
        int ids = Metadata(session, IdsKey);
        if (encoder.Ids.OfType<PromptPart.Id>().FirstOrDefault(id => id.Value >= ids) is { } wrong)
        {
            throw new ModelException(
                $"model.json: textEncoder.ids has the id {wrong.Value}; {session.File} takes ids below {ids}. {ModelException.Remedy}");
        }
    }

    /// <summary>Compares the longest sequence that model.json names with that of a graph.</summary>
    /// <param name="field">Its name in model.json.</param>
    /// <param name="positions">Its value.</param>
    public static void CheckPositions(Session session, string field, int positions) =>
        RequireEqual(field, positions, session, "positions", Metadata(session, PositionsKey));

    /// <param name="reader">The graph that reads the tokenizer's ids.</param>
    public static void CheckTokenizer(TextTokenizer tokenizer, Session reader)
    {
        int ids = Metadata(reader, IdsKey);
        if (tokenizer.MaxId >= ids)
        {
            throw new ModelException(
                $"The tokenizer has the id {tokenizer.MaxId}; {reader.File} takes ids below {ids}. {ModelException.Remedy}");
        }
    }

    /// <summary>A number that the exporter wrote into the graph's metadata.</summary>
    private static int Metadata(Session session, string key) =>
        session.Inference.ModelMetadata.CustomMetadataMap.TryGetValue(key, out string? text)
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new ModelException(
                $"{session.File} has no number '{key}' in its metadata, so it cannot be compared with model.json. {ModelException.Remedy}");

    private static void RequireEqual(string field, int value, Session session, string what, int actual)
    {
        if (value != actual)
            throw new ModelException($"model.json says {field} {value}; {session.File} has {actual} {what}. {ModelException.Remedy}");
    }
}
