using System.Diagnostics;
using System.Numerics.Tensors;

namespace SjdOnnx.Peers.Engines;

/// <summary>An engine that returns logits. The loop takes the largest one, after guidance if there are two lanes.</summary>
internal abstract class GreedyLoop(PeerModel model, int lanes) : IEngine
{
    private readonly float[] _guided = new float[model.Codes];

    protected PeerModel Model { get; } = model;

    protected int Lanes { get; } = lanes;

    public Drawn Draw(int image, bool greedy, Action firstToken)
    {
        long start = Stopwatch.GetTimestamp();
        int[] codes = new int[Model.Tokens];
        ReadPrompts(Model.Prompts(Lanes));
        for (int i = 0; i < codes.Length; i++)
        {
            if (i > 0)
            {
                int id = Model.FirstCode + codes[i - 1];
                ReadTokens(i % Model.Columns == 0 ? [id, .. Model.RowSuffix] : [id]);
            }

            codes[i] = TensorPrimitives.IndexOfMax(Mixed());
            if (i == 0)
                firstToken();
        }

        return new Drawn(codes, Stopwatch.GetElapsedTime(start));
    }

    public abstract void Dispose();

    /// <summary>Forgets the last image and reads the prompt of each lane.</summary>
    protected abstract void ReadPrompts(int[][] prompts);

    /// <summary>Reads the same tokens in each lane.</summary>
    protected abstract void ReadTokens(ReadOnlySpan<int> tokens);

    /// <summary>The logits of all codes after a lane's last token.</summary>
    protected abstract ReadOnlySpan<float> Logits(int lane);

    /// <summary>u + guidance · (c − u), with the logits c of the lane with the prompt and u of the other one.</summary>
    private ReadOnlySpan<float> Mixed()
    {
        if (Lanes == 1)
            return Logits(0);
        Guidance.Mix(Logits(0), Logits(1), Model.Guidance, _guided);
        return _guided;
    }
}
