using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Flows;

namespace SjdOnnx.Runtime;

/// <summary>Plans of flows as JSON: <c>{"blocks": [{"segments": 8, "maxUpdates": 32, "guess": "zeros"}, …]}</c>.</summary>
public static class FlowPlanText
{
    /// <summary>Reads a plan. Fields that are left out have their defaults.</summary>
    /// <param name="json">UTF-8, which may begin with a byte order mark.</param>
    /// <exception cref="FormatException">The text is not a plan, or a value is not legal.</exception>
    public static FlowPlan Parse(ReadOnlySpan<byte> json)
    {
        if (json.StartsWith("\uFEFF"u8))
            json = json["\uFEFF"u8.Length..];
        try
        {
            PlanFields fields = JsonSerializer.Deserialize(json, FlowPlanJson.Default.PlanFields)
                ?? throw new FormatException("The plan is null.");
            return new FlowPlan { Blocks = [.. fields.Blocks.Select(static block => block?.ToPlan()!)] };
        }
        catch (ArgumentException error) // a property of the plan refused its value
        {
            throw new FormatException(error.Message.Split(" (Parameter", 2)[0], error);
        }
        catch (JsonException error)
        {
            string line = error.LineNumber is long number ? FormattableString.Invariant($" in line {number + 1}") : "";
            throw new FormatException($"The plan is not legal{line}: {error.Message.Split(" Path:", 2)[0]}", error);
        }
    }

    /// <summary>Writes a plan, indented.</summary>
    /// <param name="plan">The plan.</param>
    public static string Format(FlowPlan plan) =>
        Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(plan, FlowPlanJson.Default.FlowPlan)) + "\n";
}

/// <summary>A plan while it is read: <see cref="BlockPlan"/>'s own properties would lose their defaults.</summary>
internal sealed class PlanFields
{
    public required IReadOnlyList<BlockFields?> Blocks { get; set; }
}

/// <summary>The fields of <see cref="BlockPlan"/>.</summary>
internal sealed class BlockFields
{
    private static readonly BlockPlan Default = new();

    public int Segments { get; set; } = Default.Segments;

    public int? MaxUpdates { get; set; } = Default.MaxUpdates;

    public double Tolerance { get; set; } = Default.Tolerance;

    public ChangeMeasure Measure { get; set; } = Default.Measure;

    public InitialGuess Guess { get; set; } = Default.Guess;

    public CacheCommit Commit { get; set; } = Default.Commit;

    public float? Limit { get; set; } = Default.Limit;

    public bool SkipsSettled { get; set; } = Default.SkipsSettled;

    public BlockPlan ToPlan() => new()
    {
        Segments = Segments,
        MaxUpdates = MaxUpdates,
        Tolerance = Tolerance,
        Measure = Measure,
        Guess = Guess,
        Commit = Commit,
        Limit = Limit,
        SkipsSettled = SkipsSettled,
    };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false,
    WriteIndented = true)]
[JsonSerializable(typeof(FlowPlan))]
[JsonSerializable(typeof(PlanFields))]
internal sealed partial class FlowPlanJson : JsonSerializerContext
{
}
