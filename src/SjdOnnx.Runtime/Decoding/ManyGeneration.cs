using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>Draws many pictures, several in each forward pass, on the thread it is called on.</summary>
/// <param name="requests">Read as there is room; those that follow each other with equal settings are drawn together.</param>
/// <param name="size">The most pictures at once.</param>
/// <param name="finished">Given each picture as soon as it is there.</param>
internal sealed class ManyGeneration(
    LoadedModel model, PassCostTables costs, RequestResolver resolver, IEnumerator<GenerationRequest> requests, int size, TimeSpan load,
    Action<IndexedImage> finished, IProgress<BatchProgress>? progress, CancellationToken cancellation)
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private ResolvedRequest? _next;
    private int _read;
    private ExceptionDispatchInfo? _failure;
    private int _passes;
    private int _finished;
    private int _finishedTokens;

    /// <summary>
    /// Draws until the requests end or one cannot be drawn: then those before it are finished and its exception is thrown.
    /// </summary>
    /// <exception cref="RequestException">The model cannot draw one of the requests.</exception>
    public void Run()
    {
        Read();
        while (_next is { } first)
        {
            var batch = new Batch(model, costs, first, size, cancellation);
            do
            {
                while (batch.Drawings.Count < batch.Size && _next is { } next && next.SharesPassesWith(first))
                    Admit(batch, next);
                if (batch.Drawings.Count > 0)
                    Advance(batch);
            }
            while (batch.Drawings.Count > 0);
        }

        _failure?.Throw();
    }

    private void Advance(Batch batch)
    {
        batch.Advance();
        _passes++;
        int tokens = _finishedTokens + batch.Drawings.Sum(static drawing => drawing.Tokens);
        while (batch.TakeComplete() is { } complete)
        {
            finished(new IndexedImage(complete.Index, complete.Finish(model, load, cancellation)));
            _finished++;
            _finishedTokens += complete.Tokens;
        }

        progress?.Report(new BatchProgress(
            _finished, batch.Drawings.Count, tokens, batch.TokensPerPicture, _passes, Stopwatch.GetElapsedTime(_began)));
    }

    private void Admit(Batch batch, ResolvedRequest request)
    {
        try
        {
            batch.Add(_read - 1, request);
            Read();
        }
        catch (RequestException error)
        {
            StopReading(error);
        }
    }

    private void Read()
    {
        try
        {
            _next = requests.MoveNext() ? resolver.Resolve(requests.Current) : null;
            _read++;
        }
        catch (RequestException error)
        {
            StopReading(error);
        }
    }

    private void StopReading(RequestException error) => (_next, _failure) = (null, ExceptionDispatchInfo.Capture(error));
}
