using SjdOnnx.Flows;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Flows;

/// <summary>A flow whose graphs are open and match its model.json. Not thread-safe.</summary>
internal sealed class LoadedFlow : IDisposable
{
    private const int Lanes = 2; // with a class, and without

    private readonly List<Session> _sessions = [];
    private readonly List<BlockNetwork[]> _networks = []; // by block and lane
    private readonly FlowSection _flow;
    private readonly FlowMemory? _memory;
    private readonly FlowDenoiser _denoiser;

    /// <param name="threads">Threads of a pass.</param>
    /// <exception cref="ModelException">A graph cannot be opened, or does not match model.json.</exception>
    /// <exception cref="ProviderException">The provider is not available.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public LoadedFlow(
        FlowSection flow, ModelFiles files, Provider provider, int threads, ModelLoadOptions options, CancellationToken cancellation)
    {
        _flow = flow;
        _denoiser = new FlowDenoiser(
            flow, graph => Session.Open(files.PathOf(graph), provider, threads, options.ConfigureSession), Tensors);
        try
        {
            foreach (FlowBlockSection block in flow.Blocks)
            {
                cancellation.ThrowIfCancellationRequested();
                _sessions.Add(Session.Open(
                    files.PathOf(block.Graph), provider, threads, options.ConfigureSession,
                    "Choose the provider cpu for this model, or another build of ONNX Runtime."));
                FlowGraph.Check(_sessions[^1], flow);
            }

            _memory = new FlowMemory(flow, provider, _sessions[0], Tensors);
            foreach (Session session in _sessions)
                _networks.Add([.. Enumerable.Range(0, Lanes).Select(lane => new BlockNetwork(session, _memory, lane))]);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public NativeTensors Tensors { get; } = new();

    /// <summary>The blocks for samples of a class.</summary>
    /// <param name="label">The number of the class; null for none.</param>
    /// <param name="guidance">Guidance away from no class.</param>
    public FlowSampler Sampler(int? label, FlowGuidance guidance)
    {
        var blocks = new List<IFlowBlock>();
        foreach (BlockNetwork[] lanes in _networks)
        {
            (lanes[0].Class, lanes[0].Temperature) = (label ?? _flow.Classes.Length, 1);
            (lanes[1].Class, lanes[1].Temperature) = (_flow.Classes.Length, guidance.Temperature);
            blocks.Add(guidance.Strength > 0 ? new GuidedBlock(lanes[0], lanes[1], guidance) : lanes[0]);
        }

        return new FlowSampler(blocks, [.. _flow.Blocks.Select(static block => block.Reverses)]);
    }

    /// <summary>Removes the noise of the training pictures from a sample; see <see cref="FlowDenoiser"/>.</summary>
    public float[] Denoise(float[] tokens, int? label, float strength, CancellationToken cancellation) => _denoiser.Denoise(
        Sampler(label, new FlowGuidance()), label ?? _flow.Classes.Length, tokens, strength, cancellation);

    public void Dispose()
    {
        _denoiser.Dispose();
        foreach (BlockNetwork network in _networks.SelectMany(static lanes => lanes))
            network.Dispose();
        _memory?.Dispose();
        foreach (Session session in _sessions)
            session.Dispose();
    }
}
