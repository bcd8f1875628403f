using System.Text.Json.Serialization;
using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime;

/// <summary>A request and its options, with every default filled in.</summary>
public sealed record GenerationSettings
{
    /// <summary>The prompt as the user wrote it.</summary>
    public required string Prompt { get; init; }

    /// <summary>What the image must not show; null if the model reads no negative prompt.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>The rules by which the prompt was rewritten; null for none.</summary>
    public string? Cleaning { get; init; }

    /// <summary>The seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The decoding method with its options.</summary>
    [JsonConverter(typeof(DecodingMethodJson))]
    public required IDecodingMethod Method { get; init; }

    /// <summary>The most drafts in a pass, or auto.</summary>
    public required WindowSize Window { get; init; }

    /// <summary>The first guess at a draft.</summary>
    [JsonConverter(typeof(TextJson<Initialization>))]
    public required Initialization Initialization { get; init; }

    /// <summary>Guidance; 1 is none.</summary>
    public required float Guidance { get; init; }

    /// <summary>Temperature; 0 takes the most probable code.</summary>
    public required float Temperature { get; init; }

    /// <summary>Codes that can be drawn; 0 for all.</summary>
    public required int TopK { get; init; }

    /// <summary>Probability of the codes that can be drawn; 1 for all.</summary>
    public required float TopP { get; init; }

    /// <summary>The image's size.</summary>
    public required ImageSize Size { get; init; }

    /// <summary>The precision of the loaded model.</summary>
    public required Precision Precision { get; init; }

    /// <summary>Where the graphs run.</summary>
    public required ExecutionProvider Provider { get; init; }

    /// <summary>Threads of a forward pass; 0 if ONNX Runtime chooses.</summary>
    public required int Threads { get; init; }
}

/// <summary>
/// Where the time went. Images that share a pass are each charged an equal part of it, so the sums over all images are the time that
/// passed.
/// </summary>
/// <param name="Load">Loading the model, before any request.</param>
/// <param name="Prefill">Reading the prompt: the text encoder, if there is one, and this image's part of the first pass.</param>
/// <param name="Decode">This image's part of all later passes, including sampling but not previews.</param>
/// <param name="Image">The image decoder at the end.</param>
/// <param name="Run">The part of <paramref name="Decode"/> that ONNX Runtime computed.</param>
/// <param name="Elapsed">
/// From the moment the request left the queue to the finished image. Other images may have been drawn meanwhile.
/// </param>
public sealed record GenerationTimings(
    TimeSpan Load, TimeSpan Prefill, TimeSpan Decode, TimeSpan Image, TimeSpan Run, TimeSpan Elapsed);
