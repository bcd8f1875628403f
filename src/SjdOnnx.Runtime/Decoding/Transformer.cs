using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>The transformer graph with its buffers, which grow to the largest request and are reused by those after it.</summary>
internal sealed class Transformer(Session session, Manifest manifest, string precision, Provider provider, NativeTensors tensors)
    : IDisposable
{
    private readonly TensorElementType _cacheType = GraphContract.CacheType(manifest.Transformer.Precisions[precision]);
    private KeyValueCache? _cache;
    private Bindings? _bindings;

    public int Lanes => manifest.Transformer.Lanes;

    public int Codes => manifest.Layout.Codes;

    public Session Session => session;

    /// <summary>The model with this prompt, ready for a picture. It uses this transformer's buffers: one at a time.</summary>
    /// <param name="windowSize">The most drafts in a pass.</param>
    public PromptedTransformer With(Prompt prompt, TokenLayout layout, int windowSize)
    {
        int longest = Math.Max(prompt.Conditional.Length, prompt.Unconditional.Length);
        int prefill = Lanes == 1 ? prompt.Conditional.Length : prompt.Conditional.Length + prompt.Unconditional.Length;
        int drafts = Math.Min(windowSize, layout.LastCode);
        // A pass reads the code just committed, the structure that followed it, and the drafts.
        int pass = Lanes * (1 + layout.RowSuffix.Count + drafts);
        Reserve(longest + layout.Length, Math.Max(prefill, pass), Lanes * (drafts + 1));
        return new PromptedTransformer(this, _bindings!, prompt);
    }

    public void Dispose()
    {
        _bindings?.Dispose();
        _cache?.Dispose();
        session.Dispose();
    }

    private void Reserve(int positions, int tokens, int rows)
    {
        bool cacheFits = _cache is not null && _cache.Capacity >= positions;
        if (cacheFits && _bindings is not null && _bindings.Tokens >= tokens && _bindings.Rows >= rows)
            return;

        // Bindings hold the addresses of all buffers, so they go first.
        tokens = Math.Max(tokens, _bindings?.Tokens ?? 0);
        rows = Math.Max(rows, _bindings?.Rows ?? 0);
        _bindings?.Dispose();
        _bindings = null;
        if (!cacheFits)
        {
            _cache?.Dispose();
            _cache = null;
            _cache = NewCache(positions);
        }
        _bindings = new Bindings(tensors, session, _cache!, Lanes, Codes, tokens, rows, sharesMemory: provider.IsCpu);
    }

    private KeyValueCache NewCache(int positions)
    {
        if (provider.IsCpu)
            return new KeyValueCache(tensors, OrtAllocator.DefaultInstance, manifest.Transformer, _cacheType, positions);
        using var memory = new OrtMemoryInfo(provider.MemoryName, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
        using var allocator = new OrtAllocator(session.Inference, memory);
        return new KeyValueCache(tensors, allocator, manifest.Transformer, _cacheType, positions);
    }
}
