using System.Diagnostics;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Scheduling;
using SjdOnnx.Runtime.Text;
using SjdOnnx.Runtime.Thoughts;
using SjdOnnx.Thoughts;

namespace SjdOnnx.Runtime;

/// <summary>
/// Answers questions with a language model that thinks in vectors, all of which are updated side by side (PCCoT, arXiv 2506.18582).
/// Thread-safe: concurrent calls take turns. An answer depends on question and options alone.
/// </summary>
public sealed class ThoughtModel : IDisposable, IAsyncDisposable
{
    private readonly ThoughtGraph _graph;
    private readonly ThoughtSection _thought;
    private readonly NativeTensors _tensors;
    private readonly TextTokenizer _tokenizer;
    private readonly BpeSpelling _spelling;
    private readonly ThoughtLayout _layout;
    private readonly Turns _turns;

    private ThoughtModel(
        ThoughtManifest manifest, byte[] json, ThoughtGraph graph, NativeTensors tensors, TextTokenizer tokenizer, BpeSpelling spelling)
    {
        (_thought, _graph, _tensors, _tokenizer, _spelling) = (manifest.Thought, graph, tensors, tokenizer, spelling);
        Description = new ThoughtModelDescription(manifest, json);
        _turns = new Turns(typeof(ThoughtModel), graph);
        _layout = new ThoughtLayout
        {
            Begin = _thought.Begin,
            Latent = _thought.Latent,
            End = _thought.End,
            Latents = _thought.Latents,
            AnswerPrompt = tokenizer.Encode(_thought.AnswerPrompt),
            Stops = _thought.Stop,
        };
    }

    /// <summary>What the model is and can do.</summary>
    public ThoughtModelDescription Description { get; }

    /// <summary>OrtValues that are not yet disposed; 0 between two questions.</summary>
    internal int LiveTensors => _tensors.Live;

    /// <summary>
    /// Opens a model folder: reads model.json, checks the files and their hashes, opens the graph and compares it with model.json.
    /// </summary>
    /// <param name="folder">The folder that holds model.json.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Ends the comparison of hashes at once.</param>
    /// <exception cref="ModelException">The folder is not a whole model that answers questions.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available here.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Task<ThoughtModel> LoadAsync(
        string folder, ModelLoadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Task.Run(() => Load(folder, options ?? new ModelLoadOptions(), cancellationToken), cancellationToken);
    }

    /// <summary>Answers a question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="options">Null for the model's defaults.</param>
    /// <param name="cancellationToken">Ends the request while it waits, and within one pass while it is answered.</param>
    /// <exception cref="RequestException">The question is empty, or longer than the model can read.</exception>
    /// <exception cref="InferenceException">The graph failed, or the model computed something that is not a number.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    /// <exception cref="ObjectDisposedException">This instance was disposed, before or meanwhile.</exception>
    public async Task<ThoughtAnswer> AnswerAsync(
        string question, ThoughtOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        _turns.RequireOpen();
        options ??= new ThoughtOptions();
        int[] ids = Encode(question, options);
        return await _turns.TakeAsync(cancellation => Answer(ids, options, cancellation), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends what is under way and releases the memory.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync() => _turns.DisposeAsync();

    private static ThoughtModel Load(string folder, ModelLoadOptions options, CancellationToken cancellation)
    {
        byte[] json = ModelFiles.ReadManifest(folder);
        ThoughtManifest manifest = ThoughtManifest.Read(json);
        var files = new ModelFiles(folder, manifest.Files, [manifest.Thought.Graph, .. manifest.Tokenizer.Files]);
        Provider provider = Provider.Of(options.Provider, options.ProviderOptions);
        files.VerifyHashes(options, cancellation);
        TextTokenizer tokenizer = TextTokenizer.Open(manifest.Tokenizer, Read);
        var spelling = new BpeSpelling(Read(manifest.Tokenizer.Vocabulary));
        Session session = Session.Open(files.PathOf(manifest.Thought.Graph), provider, options.PassThreads, options.ConfigureSession);
        try
        {
            GraphContract.CheckTokenizer(tokenizer, session);
            var tensors = new NativeTensors();
            return new ThoughtModel(
                manifest, json, new ThoughtGraph(manifest.Thought, session, tensors), tensors,
                tokenizer, spelling);
        }
        catch
        {
            session.Dispose();
            throw;
        }

        byte[] Read(string name) => files.Read(name, TextTokenizer.MaxFileBytes);
    }

    /// <summary>The question's ids with those that stand before every question.</summary>
    private int[] Encode(string question, ThoughtOptions options)
    {
        if (string.IsNullOrWhiteSpace(question))
            throw new RequestException("The question is empty. Ask something.");
        int[] ids = [.. _thought.Prefix, .. _tokenizer.Encode(question)];
        int after = options.Mode == ThoughtMode.Aloud ? 1 : _layout.Latents + _layout.AnswerPrompt.Count + 2 + _thought.MaxAnswer;
        if (ids.Length + after > _thought.MaxPositions)
        {
            throw new RequestException(FormattableString.Invariant(
                $"The question has {ids.Length} tokens; the model {Description.Name} reads at most {_thought.MaxPositions - after}. ") +
                "Ask with fewer words.");
        }

        return ids;
    }

    /// <summary>What was written before the answer prompt, and the answer, which is empty if there is no prompt among steps.</summary>
    private (string? Steps, string Answer) Split(string written, ThoughtMode mode)
    {
        if (mode != ThoughtMode.Aloud)
            return (null, written.Trim());
        int prompt = written.IndexOf(_thought.AnswerPrompt, StringComparison.Ordinal);
        return prompt < 0
            ? (written.Trim(), "")
            : (written[..prompt].Trim(), written[(prompt + _thought.AnswerPrompt.Length)..].Trim());
    }

    private ThoughtAnswer Answer(int[] question, ThoughtOptions options, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        var trace = new List<ThoughtIteration>();
        int iterations = options.Mode switch
        {
            ThoughtMode.Parallel => options.Iterations ?? _thought.Iterations,
            ThoughtMode.InOrder => _thought.Latents,
            _ => 0,
        };
        try
        {
            ThoughtfulAnswer answer = options.Mode switch
            {
                ThoughtMode.Parallel => ContinuousThought.Answer(
                    _graph, question, _layout, iterations, _thought.MaxAnswer, options.Trace ? Observe : null, cancellation),
                ThoughtMode.InOrder => ContinuousThought.AnswerInOrder(_graph, question, _layout, _thought.MaxAnswer, cancellation),
                _ => ContinuousThought.AnswerAloud(
                    _graph, question, _layout, _thought.MaxPositions - question.Length, cancellation),
            };
            (string? steps, string text) = Split(_spelling.Decode(answer.Tokens), options.Mode);
            return new ThoughtAnswer
            {
                Text = text,
                Steps = steps,
                Tokens = answer.Tokens,
                IsComplete = answer.IsComplete,
                Mode = options.Mode,
                Iterations = iterations,
                Passes = answer.Passes,
                Rows = answer.Rows,
                Duration = Stopwatch.GetElapsedTime(start),
                Trace = trace,
            };
        }
        catch (NotFiniteNumberException error)
        {
            throw new InferenceException($"{error.Message} The model is damaged: export it again, or copy the folder again.", error);
        }

        void Observe(int update, LatentThoughts thoughts) => trace.Add(new ThoughtIteration(
            update, [.. thoughts.Likeliest.Zip(thoughts.Distances, (id, change) => new ThoughtState(_spelling.Decode([id]), id, change))]));
    }
}
