using System.Diagnostics;
using System.Numerics.Tensors;
using System.Text.Json;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace SjdOnnx.Peers.Engines;

/// <summary>
/// onnxruntime-genai. One lane is its own greedy search. Two lanes are a batch of two sequences: the harness reads the logits, mixes them,
/// and gives the result back for both. Its API appends tokens to batches only at the start, so the end of a row takes a pass of its own.
/// </summary>
internal sealed class GenAi : IEngine
{
    private readonly PeerModel _peer;
    private readonly int _lanes;
    private readonly Model _model;
    private readonly float[] _guided;

    public GenAi(PeerModel peer, string folder, int lanes, int threads)
    {
        (_peer, _lanes) = (peer, lanes);
        using var config = new Config(Path.Combine(peer.Folder, folder));
        config.Overlay(JsonSerializer.Serialize(
            new { model = new { decoder = new { session_options = new { intra_op_num_threads = threads } } } }));
        _model = new Model(config);
        _guided = new float[peer.Codes];
    }

    public Drawn Draw(int image, bool greedy, Action firstToken)
    {
        long start = Stopwatch.GetTimestamp();
        using var parameters = new GeneratorParams(_model);
        parameters.SetSearchOption("max_length", _peer.Length(_lanes) + 1);
        parameters.SetSearchOption("batch_size", _lanes);
        using var generator = new Generator(_model, parameters);
        int[] codes = new int[_peer.Tokens];
        if (_lanes == 1)
            DrawOneLane(generator, codes, firstToken);
        else
            DrawWithGuidance(generator, codes, firstToken);
        return new Drawn(codes, Stopwatch.GetElapsedTime(start));
    }

    public void Dispose() => _model.Dispose();

    private void DrawOneLane(Generator generator, int[] codes, Action firstToken)
    {
        if (_peer.RowSuffix.Length > 0)
            throw new NotSupportedException("Images with row ends are drawn in two lanes only.");
        generator.AppendTokens(_peer.Conditional);
        for (int i = 0; i < codes.Length; i++)
        {
            generator.GenerateNextToken();
            codes[i] = generator.GetNextTokens()[0] - _peer.FirstCode;
            if (i == 0)
                firstToken();
        }
    }

    private void DrawWithGuidance(Generator generator, int[] codes, Action firstToken)
    {
        generator.AppendTokens(PaddedPrompts());
        for (int i = 0; i < codes.Length; i++)
        {
            if (i > 0 && i % _peer.Columns == 0)
            {
                foreach (int id in _peer.RowSuffix)
                    GenAiLogits.Take(generator, _ => id);
            }

            codes[i] = GenAiLogits.Take(generator, Guided) - _peer.FirstCode;
            if (i == 0)
                firstToken();
        }
    }

    /// <summary>Both prompts, one after the other, the shorter one with padding at its end, which onnxruntime-genai masks.</summary>
    private int[] PaddedPrompts()
    {
        int[][] prompts = _peer.Prompts(_lanes);
        int length = prompts.Max(prompt => prompt.Length);
        return [.. prompts.SelectMany(prompt => prompt.Concat(Enumerable.Repeat(_peer.Padding, length - prompt.Length)))];
    }

    private int Guided(ReadOnlySpan<float> logits)
    {
        int vocabulary = logits.Length / 2;
        Guidance.Mix(
            logits.Slice(_peer.FirstCode, _peer.Codes), logits.Slice(vocabulary + _peer.FirstCode, _peer.Codes), _peer.Guidance, _guided);
        return _peer.FirstCode + TensorPrimitives.IndexOfMax(_guided);
    }
}
