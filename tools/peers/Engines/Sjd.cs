using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Peers.Engines;

/// <summary>SjdOnnx through its library. Images are drawn with the model's temperature, so sampling is part of the time.</summary>
internal sealed class Sjd : IEngine
{
    private readonly PeerModel _peer;
    private readonly TextToImage _model;
    private readonly GenerationOptions _options;

    public Sjd(PeerModel peer, string precision, int lanes, int threads, string method, WindowSize window, string cacheFolder)
    {
        _peer = peer;
        string folder = lanes == 2 && (precision is "fp32" or "int8") ? peer.TwoLanes : peer.Exported(lanes);
        _model = TextToImage.Load(folder, new TextToImageOptions
        {
            Precision = Precision.Parse(precision),
            Threads = threads,
            CacheFolder = cacheFolder,
            MaxBatch = 1,
        });
        _options = new GenerationOptions { Method = DecodingMethods.BuiltIn[method].Default, Window = window };
    }

    public Drawn Draw(int image, bool greedy, Action firstToken)
    {
        var request = new GenerationRequest { Prompt = _peer.Text, Seed = (ulong)image };
        GenerationOptions options = greedy ? _options with { Temperature = 0 } : _options;
        GeneratedImage drawn = _model.GenerateAsync(request, options, new First(firstToken)).GetAwaiter().GetResult();
        if (drawn.PromptTokens != _peer.Conditional.Length)
        {
            throw new InvalidOperationException(
                $"SjdOnnx read {drawn.PromptTokens} tokens of the prompt, but peers.json has {_peer.Conditional.Length}: " +
                "make the models again.");
        }

        _ = drawn.Encode();
        return new Drawn(drawn.Codes, drawn.Timings.Prefill + drawn.Timings.Decode);
    }

    public void Dispose() => _model.Dispose();

    private sealed class First(Action called) : IProgress<GenerationProgress>
    {
        private bool _done;

        public void Report(GenerationProgress value)
        {
            if (!_done)
                called();
            _done = true;
        }
    }
}
