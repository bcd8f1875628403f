using System.Text.Json;
using System.Text.Json.Serialization;

namespace SjdOnnx.Peers;

/// <summary>What one process measured. Times are in seconds.</summary>
/// <param name="Cell">What was measured.</param>
/// <param name="Round">Counts the processes of a cell.</param>
/// <param name="Load">Opening the model; null where it cannot be told.</param>
/// <param name="FirstToken">From the start of the process to the first token; null where it cannot be told.</param>
/// <param name="FirstImage">From the start of the process to the last code, and with SjdOnnx to the PNG file.</param>
/// <param name="Images">Time of each further image.</param>
/// <param name="Tokens">Codes in an image.</param>
/// <param name="Greedy">The codes of the image that takes the largest logits; null from the second round on.</param>
/// <param name="PeakBytes">The most physical memory that the process held; null where it cannot be told.</param>
internal sealed record Sample(
    Cell Cell, int Round, double? Load, double? FirstToken, double FirstImage, double[] Images, int Tokens, int[]? Greedy, long? PeakBytes)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);

    [JsonIgnore]
    public IEnumerable<double> TokensPerSecond => Images.Select(seconds => Tokens / seconds);

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    public static Sample Parse(string json) => JsonSerializer.Deserialize<Sample>(json, Options)!;

    public static IReadOnlyList<Sample> ReadAll(string file) => File.Exists(file) ? [.. File.ReadLines(file).Select(Parse)] : [];
}
