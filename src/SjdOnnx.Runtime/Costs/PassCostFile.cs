using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Runtime.Machine;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Costs;

/// <summary>What a table of pass costs holds for. Passes take other times on another machine, or with another graph.</summary>
/// <param name="Graph">SHA-256 of the transformer's graph.</param>
/// <param name="Engine">Version of this library.</param>
internal sealed record PassCostKey(
    string Graph, string Provider, int Threads, int Images, string Processor, int Processors, string OnnxRuntime, string Engine);

/// <summary>Keeps tables of pass costs in a folder, one file each. If the folder cannot be used, decoding goes on without it.</summary>
/// <param name="folder">Created when the first table is kept; null to keep none.</param>
internal sealed class PassCostFile(string? folder)
{
    private const int Format = 3;

    /// <summary>The file of a table; null if none is kept.</summary>
    public string? PathOf(PassCostKey key)
    {
        if (folder is null)
            return null;
        byte[] hash = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(key, PassCostJson.Default.PassCostKey));
        return Path.Combine(folder, $"pass-costs-{Convert.ToHexStringLower(hash)[..16]}.json");
    }

    /// <summary>Reads a table; null if there is none, or if it cannot be used.</summary>
    public PassCostRecord? Read(PassCostKey key)
    {
        if (PathOf(key) is not string path || !File.Exists(path))
            return null;
        try
        {
            PassCostRecord? record = JsonSerializer.Deserialize(File.ReadAllBytes(path), PassCostJson.Default.PassCostRecord);
            if (record?.Format != Format || record.Key != key || record.Groups < 1 || record.Costs.Contains(null))
                return null;
            _ = new PassCosts([.. record.Costs.Select(cost => (cost.Drafts, cost.Duration.TotalSeconds))]); // checks the table
            return record;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Keeps a table, in place of an older one.</summary>
    /// <param name="groups">Into how many parts, which run side by side, a pass is split.</param>
    /// <returns>Whether it could be written.</returns>
    public bool Write(PassCostKey key, int groups, IReadOnlyList<PassCost> costs) =>
        PathOf(key) is string path && CacheFolder.TryReplace(path, JsonSerializer.SerializeToUtf8Bytes(
            new PassCostRecord(Format, key, groups, [.. costs]), PassCostJson.Default.PassCostRecord));
}

/// <param name="Groups">Into how many parts, which run side by side, a pass is split.</param>
internal sealed record PassCostRecord(int Format, PassCostKey Key, int Groups, PassCost[] Costs);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PassCostRecord))]
[JsonSerializable(typeof(PassCostKey))]
internal sealed partial class PassCostJson : JsonSerializerContext;
