using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;

namespace SjdOnnx.Runtime;

/// <summary>
/// Checks requests against a model without loading it: of the model it reads model.json and the tokenizer. Thousands of requests take a
/// second, so a program can refuse all wrong ones before it draws the first. Thread-safe.
/// </summary>
public sealed class RequestChecker
{
    private readonly RequestResolver _resolver;
    private readonly Action<ResolvedRequest> _readPrompt;

    private RequestChecker(ModelFolder folder, RequestResolver resolver)
    {
        Model = new ModelDescription(folder);
        _resolver = resolver;
        var prompts = new PromptReader(folder.Manifest, folder.OpenTokenizer(), encoder: null);
        _readPrompt = request => prompts.Read(request.Settings, request.Layout);
    }

    /// <summary>What the model is and can do.</summary>
    public ModelDescription Model { get; }

    /// <summary>Opens a model folder. Of the model's other files only the lengths are checked.</summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="options">How the model would be loaded; null for the defaults.</param>
    /// <exception cref="ModelException">The folder is not a whole model, or it lacks the precision.</exception>
    /// <exception cref="ProviderException">The provider does not have one of the options.</exception>
    public static RequestChecker Open(string folder, TextToImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new TextToImageOptions();
        var provider = Provider.Of(options.Provider, options.ProviderOptions);
        ModelFolder model = ModelFolder.Open(folder, options.Precision?.Name);
        var resolver = new RequestResolver(model.Manifest, Precision.Parse(model.Precision), provider, options.Threads);
        resolver.CheckDefaults();
        return new RequestChecker(model, resolver);
    }

    /// <summary>Checks that the model can draw a request.</summary>
    /// <param name="request">What the image shows.</param>
    /// <param name="options">Null for the model's defaults.</param>
    /// <returns>The request and its options, with every default filled in.</returns>
    /// <exception cref="RequestException">The model cannot draw this.</exception>
    public GenerationSettings Check(GenerationRequest request, GenerationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        ResolvedRequest resolved = _resolver.Resolve(request, options ?? new GenerationOptions());
        _readPrompt(resolved);
        return resolved.Settings;
    }
}
