using System.Text.Json;

namespace SjdOnnx.Peers;

/// <summary>A model in the forms of all engines: the folder that models.py made, and its peers.json.</summary>
internal sealed record PeerModel
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public string Folder { get; private init; } = "";
    public required string Checkpoint { get; init; }

    /// <summary>The model folder that SjdOnnx reads for two lanes at fp32 and int8; otherwise it is <see cref="Exported"/>.</summary>
    public required string TwoLanes { get; init; }

    public required string Text { get; init; }
    public required int[] Conditional { get; init; }
    public required int[] Unconditional { get; init; }
    public required int Rows { get; init; }
    public required int Columns { get; init; }
    public required int FirstCode { get; init; }
    public required int Codes { get; init; }
    public required int[] RowSuffix { get; init; }
    public required int Padding { get; init; }
    public required float Guidance { get; init; }
    public required int Layers { get; init; }
    public required int KvHeads { get; init; }
    public required int HeadDim { get; init; }
    public required int MaxPositions { get; init; }

    public int Tokens => Rows * Columns;

    public static PeerModel Open(string folder) =>
        JsonSerializer.Deserialize<PeerModel>(File.ReadAllText(Path.Combine(folder, "peers.json")), Json)! with { Folder = folder };

    /// <summary>The ids that each lane reads before the image.</summary>
    public int[][] Prompts(int lanes) => lanes == 1 ? [Conditional] : [Conditional, Unconditional];

    /// <summary>Slots of the cache that an image takes.</summary>
    public int Length(int lanes) => Prompts(lanes).Max(prompt => prompt.Length) + Tokens + Rows * RowSuffix.Length;

    /// <summary>The exporter's folder for this number of lanes.</summary>
    public string Exported(int lanes) => Path.Combine(Folder, lanes == 1 ? "one" : "two");
}
