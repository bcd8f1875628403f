namespace SjdOnnx.Runtime.Transformers;

/// <summary>A tree of new tokens, as inputs of attention.</summary>
internal static class TokenTree
{
    /// <summary>Writes each token's position, and which other tokens it sees: its ancestors and itself.</summary>
    /// <param name="parents">Entry i: the index, below i, of the token that the i-th follows; −1 for the last one cached.</param>
    /// <param name="cached">Tokens of the lane's cache, prompt included.</param>
    /// <param name="positions">[parents] or longer; its start is overwritten.</param>
    /// <param name="bias">[parents × parents] or longer, row-major: 0 where the row's token sees the column's, otherwise −∞.</param>
    public static void Describe(ReadOnlySpan<int> parents, int cached, Span<long> positions, Span<float> bias)
    {
        int count = parents.Length;
        for (var token = 0; token < count; token++)
        {
            Span<float> row = bias.Slice(token * count, count);
            int parent = parents[token];
            if (parent < 0)
                row.Fill(float.NegativeInfinity);
            else
                bias.Slice(parent * count, count).CopyTo(row);
            row[token] = 0;
            positions[token] = parent < 0 ? cached : positions[parent] + 1;
        }
    }
}
