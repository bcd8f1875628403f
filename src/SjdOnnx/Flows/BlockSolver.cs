using SjdOnnx.FixedPoints;

namespace SjdOnnx.Flows;

/// <summary>Solves one block, and counts what that takes.</summary>
/// <param name="block">The network.</param>
/// <param name="number">The block's number.</param>
/// <param name="z">The noise, in the block's order.</param>
/// <param name="plan">How it is solved.</param>
/// <param name="observe">Called after each pass with the tokens so far; null for nobody.</param>
internal sealed class BlockSolver(
    IFlowBlock block, int number, float[] z, BlockPlan plan, Action<ReadOnlySpan<float>>? observe)
{
    private readonly float[] _x = new float[z.Length];
    private readonly List<int> _updates = [];
    private int _passes;
    private long _rows;
    private int _restarts;
    private int _fallbacks;

    public BlockResult Result => new(number, _updates, _passes, _rows, _restarts, _fallbacks);

    /// <summary>The tokens, in the block's order.</summary>
    public float[] Solve(CancellationToken cancellation)
    {
        int last = block.Tokens - 1; // no token follows it, so it is never read
        z.AsSpan(..block.Channels).CopyTo(_x);
        bool isSequential = plan.Segments == 0 || plan.Segments == block.Tokens;
        if (isSequential)
        {
            SolveInOrder(0, last, plan with { Limit = null }, cancellation);
            return _x;
        }

        if (plan.Limit is float limit)
        {
            foreach (ref float number in _x.AsSpan(..block.Channels))
                number = Math.Clamp(number, -limit, limit);
        }

        int length = block.Tokens / plan.Segments;
        for (int first = 0; first < last; first += length)
            SolveSegment(first, Math.Min(length, last - first), isLast: first + length >= last, cancellation);
        return _x;
    }

    private void SolveSegment(int first, int count, bool isLast, CancellationToken cancellation)
    {
        Solution solution = Iterate(first, count, plan.Guess, cancellation);
        if (!solution.Last.IsFinite)
        {
            _restarts++;
            solution = Iterate(first, count, plan.Guess == InitialGuess.Noise ? InitialGuess.Zeros : InitialGuess.Noise, cancellation);
        }

        _updates.Add(solution.Updates);
        if (!solution.Last.IsFinite)
        {
            _fallbacks++;
            SolveInOrder(first, count, plan, cancellation);
        }
        else if (plan.Commit == CacheCommit.Refresh && !isLast && solution.Last.Residual > 0)
        {
            var scratch = new float[count * block.Channels];
            block.Run(first, _x.AsSpan(first * block.Channels, count * block.Channels), scratch, new float[scratch.Length], cancellation);
            Count(count);
        }
    }

    private Solution Iterate(int first, int count, InitialGuess guess, CancellationToken cancellation)
    {
        Range unknown = ((first + 1) * block.Channels)..((first + count + 1) * block.Channels);
        if (guess == InitialGuess.Noise)
            z.AsSpan(unknown).CopyTo(_x.AsSpan(unknown));
        else
            _x.AsSpan(unknown).Clear();
        var rule = new StoppingRule { MaxUpdates = Math.Min(plan.MaxUpdates ?? count, count), Tolerance = plan.Tolerance };
        var segment = new FlowSegment(block, z, _x, first, count, plan);
        return FixedPoint.Iterate(segment, rule, (_, _) => Count(segment.Rows), cancellation);
    }

    private void SolveInOrder(int first, int count, BlockPlan plan, CancellationToken cancellation)
    {
        for (int position = first; position < first + count; position++)
        {
            Change change = new FlowSegment(block, z, _x, position, 1, plan).Update(cancellation);
            Count(1);
            if (!change.IsFinite)
            {
                throw new FlowOverflowException(
                    $"Block {number} overflowed at token {position + 2} of {block.Tokens}, and one token after another too: the numbers " +
                    "of this sample grew beyond single precision. Draw another sample, or lower the guidance.");
            }
        }
    }

    private void Count(int rows)
    {
        _passes++;
        _rows += rows;
        observe?.Invoke(_x);
    }
}
