using SjdOnnx.Runtime;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server.Drawing;

/// <summary>Images that a client asked for.</summary>
internal sealed record DrawingRequest
{
    public required PooledModel Model { get; init; }

    /// <summary>The first image; image i has its seed + i.</summary>
    public required GenerationRequest First { get; init; }

    public required GenerationOptions Options { get; init; }

    public int Count { get; init; } = 1;

    public ImageFormat Format { get; init; } = ImageFormat.Png;

    public ImageFileOptions File { get; init; } = new();

    /// <summary>What the client should know about its request.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The size of the images.</summary>
    public ImageSize Size => Options.Size ?? Model.Description.Sizes[0];

    /// <summary>Rows of codes in an image.</summary>
    public int Rows => Size.Height / Model.Description.PixelsPerCode;

    public GenerationRequest this[int index] => First with { Seed = First.Seed + (ulong)index };
}
