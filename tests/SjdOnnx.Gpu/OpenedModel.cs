using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Gpu;

/// <summary>A loaded model below <see cref="TextToImage"/>: its transformer can be run pass by pass.</summary>
internal sealed class OpenedModel : IDisposable
{
    private readonly LoadedModel _loaded;
    private readonly RequestResolver _resolver;

    /// <exception cref="SjdOnnxException">The model cannot be loaded there.</exception>
    public OpenedModel(Loading loading)
    {
        Provider provider = Provider.Of(loading.Provider, loading.ProviderOptions);
        ModelFolder folder = ModelFolder.Open(loading.Folder, loading.Precision.Name);
        int threads = loading.Threads > 0 ? loading.Threads : Processor.PhysicalCores();
        _resolver = new RequestResolver(folder.Manifest, loading.Precision, provider, threads);
        _loaded = LoadedModel.Open(folder, provider, threads, loading.Options);
        Layout = Resolve(new GenerationOptions()).Layout;
    }

    public Transformer Transformer => _loaded.Transformer;

    /// <summary>The tokens of an image of the default size.</summary>
    public TokenLayout Layout { get; }

    /// <summary>A request for an image of the sample prompt, with the prompt's token ids.</summary>
    public ResolvedRequest Resolve(GenerationOptions options)
    {
        ResolvedRequest request = _resolver.Resolve(new GenerationRequest { Prompt = _loaded.Prompts.Sample, Seed = 1 }, options);
        return request with { Prompt = _loaded.Prompts.Read(request.Settings, request.Layout) };
    }

    /// <summary>The prompt as the transformer reads it.</summary>
    public Prompt Encode(ResolvedRequest request) => _loaded.Prompts.Encode(request.Prompt!, CancellationToken.None);

    public void Dispose() => _loaded.Dispose();
}
