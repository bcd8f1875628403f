using System.Globalization;

namespace SjdOnnx.Cli.Batch;

/// <summary>A part of the images, so that several machines can share them: image i belongs to shard i mod n, counted from 1.</summary>
/// <param name="Number">From 1 to <paramref name="Count"/>.</param>
/// <param name="Count">Shards in all.</param>
internal sealed record Shard(int Number, int Count)
{
    public const int MaxCount = 1_000_000;

    /// <summary>All images.</summary>
    public static Shard Whole { get; } = new(1, 1);

    public bool IsWhole => Count == 1;

    /// <param name="index">Of an image, from 0.</param>
    public bool Has(int index) => index % Count == Number - 1;

    /// <summary>Reads a number and a count, as in 2/8.</summary>
    /// <returns>Whether the text is such.</returns>
    public static bool TryParse(string text, out Shard? shard)
    {
        string[] parts = text.Split('/');
        bool isShard = parts.Length == 2 & TryParse(parts[0], out int number) & TryParse(parts[^1], out int count) && number <= count;
        shard = isShard ? new Shard(number, count) : null;
        return isShard;
    }

    /// <summary>As in 2/8.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    private static bool TryParse(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= MaxCount;
}
