using System.Diagnostics;
using SjdOnnx.Actions;
using SjdOnnx.Runtime.Actions;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime;

/// <summary>
/// A policy: from a picture and an instruction to actions (vision-language-action models such as OpenVLA). Thread-safe; calls wait for each
/// other.
/// </summary>
public sealed class PolicyModel : IDisposable
{
    private readonly Lock _turn = new();
    private readonly PolicyManifest _manifest;
    private readonly TextTokenizer _tokenizer;
    private readonly PolicyVision _vision;
    private readonly PolicyLanguage _language;
    private bool _isDisposed;

    private PolicyModel(
        PolicyManifest manifest, PolicyModelDescription description, TextTokenizer tokenizer, PolicyVision vision,
        PolicyLanguage language)
    {
        (_manifest, Description, _tokenizer, _vision, _language) = (manifest, description, tokenizer, vision, language);
    }

    /// <summary>What the model is and can do.</summary>
    public PolicyModelDescription Description { get; }

    /// <summary>Loads a policy.</summary>
    /// <param name="folder">The folder that the exporter wrote.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellation">Ends the comparison of hashes.</param>
    /// <exception cref="ModelException">The folder is missing, damaged, inconsistent, or holds a model of another kind.</exception>
    /// <exception cref="ProviderException">The provider is not available here.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Task<PolicyModel> LoadAsync(
        string folder, PolicyLoadOptions? options = null, CancellationToken cancellation = default) =>
        Task.Run(() => Load(folder, options ?? new PolicyLoadOptions(), cancellation), cancellation);

    /// <summary>Decides what to do next.</summary>
    /// <param name="picture">What the policy sees. It is resized.</param>
    /// <param name="instruction">What the policy is told.</param>
    /// <param name="decoding">Null for <see cref="ActionDecoding.Jacobi"/>.</param>
    /// <param name="seed">Of the first guesses of all tokens but the first.</param>
    /// <param name="answer">Which of the seed's guesses: the number of the answer, if one seed serves several.</param>
    /// <param name="cancellation">Ends the call.</param>
    /// <exception cref="RequestException">The instruction is too long.</exception>
    /// <exception cref="InferenceException">A run failed, or the model computed something that is not a number.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">The model was disposed.</exception>
    public PolicyAnswer Act(
        RgbImage picture, string instruction, ActionDecoding? decoding = null, ulong seed = 0, uint answer = 0,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(instruction);
        int count = Description.Chunk * Description.Tokens.Dimensions;
        PolicyPrompt prompt = PolicyPrompt.Of(_manifest, _tokenizer, instruction);
        int room = _manifest.Transformer.MaxPositions - count;
        if (prompt.Ids.Length > room)
        {
            throw new RequestException(
                $"The prompt has {prompt.Ids.Length} tokens with the picture's; {Description.Name} has room for {room}. Give a shorter " +
                "instruction.");
        }

        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            long start = Stopwatch.GetTimestamp();
            _vision.Read(picture, _language.Patches, cancellation);
            int? first = _language.Read(prompt.Ids, cancellation);
            if (first is not int known)
            {
                throw new InferenceException(
                    $"{Description.Name} computed a logit that is not a finite number. Try another precision, such as fp32.");
            }

            long read = Stopwatch.GetTimestamp();
            ActionAnswer decoded;
            try
            {
                decoded = ActionDecoder.Decode(
                    _language, known, count, prompt.Text, decoding ?? ActionDecoding.Jacobi, seed, answer, cancellation);
            }
            catch (ArithmeticException error)
            {
                throw new InferenceException(error.Message, error);
            }

            return new PolicyAnswer(
                Description.Tokens.Decode(decoded.Ids), decoded, Stopwatch.GetElapsedTime(start, read), Stopwatch.GetElapsedTime(read));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _language.Dispose();
            _vision.Dispose();
        }
    }

    private static PolicyModel Load(string folder, PolicyLoadOptions options, CancellationToken cancellation)
    {
        byte[] json = ModelFiles.ReadManifest(folder);
        PolicyManifest manifest = PolicyManifest.Read(json);
        string precision = options.Precision?.Name ?? manifest.Transformer.DefaultPrecision;
        if (!manifest.Transformer.Precisions.TryGetValue(precision, out LanguagePrecision? language))
        {
            throw new ModelException($"The model '{manifest.Name}' has no precision '{precision}'; it has " +
                $"{string.Join(", ", manifest.Transformer.Precisions.Keys)}. Choose one of these, or export the model at '{precision}'.");
        }

        var files = new ModelFiles(folder, manifest.Files, [manifest.Vision.Graph, language.Graph, .. manifest.Tokenizer.Files]);
        files.VerifyHashes(options, cancellation);
        var tokenizer = TextTokenizer.Open(manifest.Tokenizer, name => files.Read(name, TextTokenizer.MaxFileBytes));
        Require(tokenizer.MaxId < manifest.Transformer.Vocabulary,
            $"The tokenizer has the id {tokenizer.MaxId}; model.json says {manifest.Transformer.Vocabulary} ids.");
        Provider provider = Provider.Of(options.Provider, options.ProviderOptions);
        var tensors = new NativeTensors();
        PolicyVision? vision = null;
        Session? graph = null;
        try
        {
            vision = new PolicyVision(Open(manifest.Vision.Graph), tensors, manifest);
            graph = Open(language.Graph);
            var description = new PolicyModelDescription(manifest, json, Precision.Parse(precision));
            return new PolicyModel(
                manifest, description, tokenizer, vision, new PolicyLanguage(graph, tensors, provider, manifest, precision));
        }
        catch
        {
            vision?.Dispose();
            graph?.Dispose();
            throw;
        }

        Session Open(string name) => Session.Open(files.PathOf(name), provider, options.PassThreads, options.ConfigureSession);
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new ModelException($"{otherwise} {ModelException.Remedy}");
    }
}

/// <summary>How a policy is loaded.</summary>
public sealed record PolicyLoadOptions : ModelLoadOptions
{
    /// <summary>One of the model's precisions; null takes the model's default.</summary>
    public Precision? Precision { get; init; }
}

/// <summary>What a policy decided.</summary>
/// <param name="Actions">The numbers of each action, in the units of the data set that the model was trained on.</param>
/// <param name="Decoded">The tokens, and how many passes they took.</param>
/// <param name="Reading">The time to read the picture and the prompt, which includes the first token.</param>
/// <param name="Decoding">The time to decode the other tokens.</param>
public sealed record PolicyAnswer(IReadOnlyList<IReadOnlyList<double>> Actions, ActionAnswer Decoded, TimeSpan Reading, TimeSpan Decoding);
