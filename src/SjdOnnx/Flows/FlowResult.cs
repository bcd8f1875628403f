namespace SjdOnnx.Flows;

/// <summary>A sample of a flow.</summary>
/// <param name="Tokens">[tokens × channels].</param>
/// <param name="Blocks">How each block was solved, in the order of sampling.</param>
public sealed record FlowResult(float[] Tokens, IReadOnlyList<BlockResult> Blocks)
{
    /// <summary>Passes of a network. With guidance, each runs the network twice.</summary>
    public int Passes => Blocks.Sum(static block => block.Passes);

    /// <summary>Tokens that these passes read, all together.</summary>
    public long Rows => Blocks.Sum(static block => block.Rows);
}

/// <summary>How a block was solved.</summary>
/// <param name="Block">Its number.</param>
/// <param name="Updates">Updates of each segment in the order of the segments; empty if it was solved one token after another.</param>
/// <param name="Passes">Passes of the network, those after an overflow and those that refresh the cache included.</param>
/// <param name="Rows">Tokens that these passes read.</param>
/// <param name="Restarts">Segments whose iteration overflowed and began again from the other guess.</param>
/// <param name="Fallbacks">Segments that overflowed again and were solved one token after another.</param>
public sealed record BlockResult(int Block, IReadOnlyList<int> Updates, int Passes, long Rows, int Restarts, int Fallbacks);

/// <summary>A block has no finite solution for its noise, even one token after another.</summary>
public sealed class FlowOverflowException : Exception
{
    /// <param name="message">Which block, and where.</param>
    public FlowOverflowException(string message)
        : base(message)
    {
    }
}
