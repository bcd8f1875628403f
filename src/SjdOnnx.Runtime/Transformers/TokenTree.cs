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

    /// <summary>The index in the pass of a token of a chain, which timestep tokens before it may have moved.</summary>
    /// <param name="timesteps">As for <see cref="DescribeChain"/>; empty if there are none.</param>
    public static int IndexOf(int token, ReadOnlySpan<int> timesteps) =>
        timesteps.IsEmpty || token < timesteps[0] ? token : token + timesteps.Length;

    /// <summary>
    /// Writes the same for a chain with timestep tokens. Each has the position of a token of the chain, which alone sees it, and sees
    /// itself alone. They are before the first of those tokens.
    /// </summary>
    /// <param name="count">Tokens of the pass, timestep tokens included.</param>
    /// <param name="timesteps">For each timestep token the index in the chain of the token that sees it, rising, from 1.</param>
    /// <param name="cached">Tokens of the lane's cache, prompt included.</param>
    /// <param name="positions">[count] or longer; its start is overwritten.</param>
    /// <param name="bias">[count × count] or longer, as above.</param>
    public static void DescribeChain(int count, ReadOnlySpan<int> timesteps, int cached, Span<long> positions, Span<float> bias)
    {
        (int first, int next) = (timesteps[0], 0);
        bias[..(count * count)].Fill(float.NegativeInfinity);
        for (int i = 0; i < count - timesteps.Length; i++)
        {
            int token = IndexOf(i, timesteps);
            Span<float> row = bias.Slice(token * count, count);
            row[..Math.Min(i + 1, first)].Clear();
            if (i >= first)
                row[(first + timesteps.Length)..(token + 1)].Clear();
            positions[token] = cached + i;
            if (next == timesteps.Length || timesteps[next] != i)
                continue;
            int timestep = first + next++;
            row[timestep] = 0;
            bias[(timestep * count) + timestep] = 0;
            positions[timestep] = cached + i;
        }
    }
}
