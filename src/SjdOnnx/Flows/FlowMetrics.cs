namespace SjdOnnx.Flows;

/// <summary>How hard a block is to solve by Jacobi iteration, as arXiv 2505.12849 measures it.</summary>
/// <param name="Block">The block's number.</param>
/// <param name="NoiseError">The initial guessing metric (IGM) of the block's noise: the error after one update from it.</param>
/// <param name="ZerosError">The initial guessing metric of zeros.</param>
/// <param name="Convergence">The convergence ranking metric (CRM): the larger, the more updates.</param>
public sealed record BlockMetrics(int Block, double NoiseError, double ZerosError, double Convergence)
{
    /// <summary>The guess with the smaller error.</summary>
    public InitialGuess Guess => NoiseError <= ZerosError ? InitialGuess.Noise : InitialGuess.Zeros;
}

/// <summary>Spectral norms of the weights that compute a block's s and u.</summary>
/// <param name="Scale">Of s.</param>
/// <param name="Shift">Of u.</param>
public readonly record struct OutputNorms(double Scale, double Shift);

/// <summary>
/// Measures the blocks of a flow on pictures: means over the pictures give a matrix [tokens × channels] for each metric, of which the
/// spectral norm is taken.
/// </summary>
public static class FlowMetrics
{
    /// <summary>Measures all blocks, by number.</summary>
    /// <param name="flow">The blocks, without a class and without guidance.</param>
    /// <param name="pictures">One or more pictures: [tokens × channels] each.</param>
    /// <param name="norms">The norms of each block.</param>
    /// <param name="cancellation">Checked by every pass.</param>
    /// <exception cref="ArgumentException">There is no picture, one has another length, or there are norms of other blocks.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static IReadOnlyList<BlockMetrics> Measure(
        FlowSampler flow, IReadOnlyList<float[]> pictures, IReadOnlyList<OutputNorms> norms, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(flow);
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(norms);
        if (pictures.Count == 0)
            throw new ArgumentException("There must be a picture to measure on.", nameof(pictures));
        if (norms.Count != flow.Blocks)
            throw new ArgumentException($"There are norms of {norms.Count} blocks; the flow has {flow.Blocks}.", nameof(norms));
        Sums[] sums = [.. Enumerable.Range(0, flow.Blocks).Select(_ => new Sums(pictures[0].Length))];
        foreach (float[] picture in pictures)
            flow.Density(picture, forward => sums[forward.Block].Add(flow[forward.Block], forward, cancellation), cancellation);
        int channels = flow[0].Channels;
        return [.. sums.Select((sum, block) => new BlockMetrics(
            block,
            SpectralNorm.Of(sum.Noise, channels) / pictures.Count,
            SpectralNorm.Of(sum.Zeros, channels) / pictures.Count,
            (SpectralNorm.Of(sum.Scaled, channels) / pictures.Count * norms[block].Scale) + norms[block].Shift))];
    }

    /// <summary>Sums over pictures: [tokens × channels] each.</summary>
    private sealed class Sums(int length)
    {
        public double[] Noise { get; } = new double[length];

        public double[] Zeros { get; } = new double[length];

        /// <summary>exp(−s) x.</summary>
        public double[] Scaled { get; } = new double[length];

        public void Add(IFlowBlock block, BlockForward forward, CancellationToken cancellation)
        {
            var zeros = new float[length];
            forward.Input.AsSpan(..block.Channels).CopyTo(zeros);
            AddError(Noise, block, forward.Noise, forward, cancellation);
            AddError(Zeros, block, zeros, forward, cancellation);
            for (int i = 0; i < length; i++)
                Scaled[i] += MathF.Exp(-forward.Scale[i]) * forward.Input[i];
        }

        /// <summary>Adds the difference to the solution after one update from a guess.</summary>
        private static void AddError(
            double[] sum, IFlowBlock block, float[] guess, BlockForward forward, CancellationToken cancellation)
        {
            var scale = new float[guess.Length];
            var shift = new float[guess.Length];
            int channels = block.Channels;
            block.Run(0, guess.AsSpan(..^channels), scale.AsSpan(channels..), shift.AsSpan(channels..), cancellation);
            for (int i = 0; i < guess.Length; i++)
                sum[i] += (MathF.Exp(scale[i]) * forward.Noise[i]) + shift[i] - forward.Input[i];
        }
    }
}
