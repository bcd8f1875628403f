using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Flows;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Flows;

/// <summary>
/// Removes the noise of the training pictures from samples, by a step along the gradient of the logarithm of the density (Tweedie's
/// formula): x + m σ² ∇ log p(x). The graphs of the gradient are opened when they are first needed.
/// </summary>
internal sealed class FlowDenoiser(FlowSection flow, Func<string, Session> open, NativeTensors tensors) : IDisposable
{
    private readonly List<Session> _sessions = [];

    /// <param name="sampler">The blocks for the class of the sample, without guidance.</param>
    /// <param name="label">The number of the class; the number of classes for none.</param>
    /// <param name="tokens">The sample.</param>
    /// <param name="strength">m; 1 is the best step in theory.</param>
    /// <param name="cancellation">Checked by every pass.</param>
    /// <exception cref="ModelException">A graph cannot be opened, or does not match model.json.</exception>
    /// <exception cref="InferenceException">A graph failed.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public float[] Denoise(FlowSampler sampler, int label, float[] tokens, float strength, CancellationToken cancellation)
    {
        foreach (FlowBlockSection block in flow.Blocks.Skip(_sessions.Count))
        {
            Session session = open(block.Gradient);
            _sessions.Add(session);
            FlowGraph.CheckGradient(session, flow);
        }

        var inputs = new float[flow.Blocks.Length][];
        float[] gradient = sampler.Density(tokens, forward => inputs[forward.Block] = forward.Input, cancellation).Noise;
        for (int block = flow.Blocks.Length - 1; block >= 0; block--)
        {
            float[] given = sampler.Ordered(gradient, block);
            var found = new float[tokens.Length];
            Run(_sessions[block], inputs[block], label, given, found, cancellation);
            gradient = sampler.Ordered(found, block);
        }

        float step = strength * flow.Noise!.Value * flow.Noise.Value;
        return [.. tokens.Select((number, i) => number - (step * gradient[i]))];
    }

    public void Dispose()
    {
        foreach (Session session in _sessions)
            session.Dispose();
    }

    private void Run(Session session, float[] input, int label, float[] given, float[] found, CancellationToken cancellation)
    {
        long[] shape = [1, flow.Tokens, flow.Channels];
        using NativeTensor x = tensors.Over(input, shape), number = tensors.Over<long>([label], 1);
        using NativeTensor from = tensors.Over(given, shape), to = tensors.Over(found, shape);
        using OrtIoBinding binding = session.Inference.CreateIoBinding();
        binding.BindInput(FlowGraph.Tokens, x.Value);
        binding.BindInput(FlowGraph.Class, number.Value);
        binding.BindInput(FlowGraph.NoiseGradient, from.Value);
        binding.BindOutput(FlowGraph.TokensGradient, to.Value);
        session.Run(binding, cancellation);
    }
}
