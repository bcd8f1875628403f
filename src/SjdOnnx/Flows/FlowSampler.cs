namespace SjdOnnx.Flows;

/// <summary>Samples an autoregressive flow (TarFlow, arXiv 2412.06329): noise becomes tokens, block by block.</summary>
/// <remarks>
/// Every other block reads its tokens backwards. Gauss-Seidel-Jacobi iteration is that of arXiv 2505.12849; Jacobi iteration over all
/// tokens and sampling one token after another are its cases of 1 segment and of as many segments as tokens.
/// </remarks>
public sealed class FlowSampler
{
    private readonly IReadOnlyList<IFlowBlock> _blocks;
    private readonly IReadOnlyList<bool> _reverses;

    /// <param name="blocks">The networks, by number: sampling begins with the last one.</param>
    /// <param name="reverses">For each block, whether it reads its tokens backwards.</param>
    /// <exception cref="ArgumentException">There are no blocks, or they do not fit together.</exception>
    public FlowSampler(IReadOnlyList<IFlowBlock> blocks, IReadOnlyList<bool> reverses)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        ArgumentNullException.ThrowIfNull(reverses);
        if (blocks.Count == 0 || blocks.Count != reverses.Count)
            throw new ArgumentException($"There are {blocks.Count} blocks and {reverses.Count} orders; each block needs one.");
        if (blocks.Any(block => block.Tokens != blocks[0].Tokens || block.Channels != blocks[0].Channels))
            throw new ArgumentException("All blocks must have the same tokens and channels.", nameof(blocks));
        (_blocks, _reverses) = (blocks, reverses);
    }

    /// <summary>Blocks of the flow.</summary>
    public int Blocks => _blocks.Count;

    /// <summary>Turns noise into tokens.</summary>
    /// <param name="noise">[tokens × channels], drawn from the unit normal distribution. Not changed.</param>
    /// <param name="plan">How each block is sampled.</param>
    /// <param name="observe">Called after each pass with the block's number and its tokens so far, in its own order, or null.</param>
    /// <param name="cancellation">Checked by every pass.</param>
    /// <exception cref="ArgumentException">The plan does not fit the flow, or the noise has another length.</exception>
    /// <exception cref="FlowOverflowException">A block has no finite solution for this noise.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public FlowResult Sample(
        ReadOnlySpan<float> noise, FlowPlan plan, Action<int, ReadOnlySpan<float>>? observe = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        IFlowBlock first = _blocks[0];
        plan.CheckFor(_blocks.Count, first.Tokens);
        if (noise.Length != first.Tokens * first.Channels)
            throw new ArgumentException($"There are {noise.Length} numbers of noise; the flow needs {first.Tokens * first.Channels}.");
        float[] tokens = noise.ToArray();
        var results = new List<BlockResult>();
        for (int number = _blocks.Count - 1; number >= 0; number--)
        {
            (tokens, BlockResult result) = Solve(number, tokens, plan.Blocks[results.Count], observe, cancellation);
            results.Add(result);
        }

        return new FlowResult(tokens, results);
    }

    /// <summary>Solves one block.</summary>
    /// <param name="number">The block's number.</param>
    /// <param name="noise">What it turns into tokens, in the order of the picture: [tokens × channels]. Not changed.</param>
    /// <param name="plan">How it is solved.</param>
    /// <param name="observe">Called after each pass with the block's number and its tokens so far, in its own order, or null.</param>
    /// <param name="cancellation">Checked by every pass.</param>
    /// <returns>The tokens in the order of the picture, and what that took.</returns>
    /// <exception cref="FlowOverflowException">The block has no finite solution for this noise.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public (float[] Tokens, BlockResult Result) Solve(
        int number, float[] noise, BlockPlan plan, Action<int, ReadOnlySpan<float>>? observe = null,
        CancellationToken cancellation = default)
    {
        Action<ReadOnlySpan<float>>? watch = observe is null ? null : x => observe(number, x);
        var solver = new BlockSolver(_blocks[number], number, Ordered(noise, number), plan, watch);
        return (Ordered(solver.Solve(cancellation), number), solver.Result);
    }

    /// <summary>Turns tokens into noise, and measures how likely they are. Each block makes one pass.</summary>
    /// <param name="tokens">[tokens × channels]. Not changed.</param>
    /// <param name="observe">Called for each block with what it read and computed, in its own order; null for nobody.</param>
    /// <param name="cancellation">Checked by every pass.</param>
    /// <exception cref="ArgumentException">There are more or fewer numbers than the flow needs.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public FlowDensity Density(ReadOnlySpan<float> tokens, Action<BlockForward>? observe = null, CancellationToken cancellation = default)
    {
        (int count, int channels) = (_blocks[0].Tokens, _blocks[0].Channels);
        if (tokens.Length != count * channels)
            throw new ArgumentException($"There are {tokens.Length} numbers; the flow needs {count * channels}.", nameof(tokens));
        float[] x = tokens.ToArray();
        double logDeterminant = 0;
        for (int number = 0; number < _blocks.Count; number++)
        {
            float[] input = Ordered(x, number);
            var scale = new float[input.Length];
            var shift = new float[input.Length];
            // The output at a position is about the next token; the first token stays as it is.
            _blocks[number].Run(0, input.AsSpan(..^channels), scale.AsSpan(channels..), shift.AsSpan(channels..), cancellation);
            var z = new float[input.Length];
            for (int i = 0; i < z.Length; i++)
            {
                z[i] = (input[i] - shift[i]) * MathF.Exp(-scale[i]);
                logDeterminant -= scale[i];
            }

            observe?.Invoke(new BlockForward(number, input, scale, z));
            x = Ordered(z, number);
        }

        return new FlowDensity(x, logDeterminant);
    }

    /// <summary>The network of a block.</summary>
    internal IFlowBlock this[int number] => _blocks[number];

    /// <summary>A copy of tokens in a block's own order, or back in the picture's.</summary>
    /// <param name="tokens">[tokens × channels].</param>
    /// <param name="block">The block's number.</param>
    public float[] Ordered(float[] tokens, int block)
    {
        if (!_reverses[block])
            return [.. tokens];
        int channels = _blocks[block].Channels;
        var reversed = new float[tokens.Length];
        for (int from = 0, to = tokens.Length - channels; to >= 0; from += channels, to -= channels)
            tokens.AsSpan(from, channels).CopyTo(reversed.AsSpan(to));
        return reversed;
    }
}

/// <summary>What a block read and computed in the direction from pictures to noise, in its own order: [tokens × channels] each.</summary>
/// <param name="Block">Its number.</param>
/// <param name="Input">The tokens.</param>
/// <param name="Scale">s of each token; 0 for the first.</param>
/// <param name="Noise">The noise of each token.</param>
public sealed record BlockForward(int Block, float[] Input, float[] Scale, float[] Noise);

/// <summary>How likely tokens are.</summary>
/// <param name="Noise">Their noise: [tokens × channels].</param>
/// <param name="LogDeterminant">The logarithm of the determinant of the map from tokens to noise.</param>
public sealed record FlowDensity(float[] Noise, double LogDeterminant)
{
    /// <summary>The natural logarithm of the density of the tokens.</summary>
    public double LogDensity =>
        LogDeterminant - (0.5 * Noise.Sum(static z => (double)z * z)) - (0.5 * Noise.Length * Math.Log(2 * Math.PI));
}
