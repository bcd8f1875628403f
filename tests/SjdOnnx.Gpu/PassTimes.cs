using System.Diagnostics;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Gpu;

/// <summary>Times forward passes of one image, by the new tokens of a lane. Every token has a row of logits.</summary>
/// <param name="repetitions">Passes of each size, 1 or more.</param>
internal sealed class PassTimes(OpenedModel model, int repetitions)
{
    private const int WarmUp = 5; // a CUDA graph is captured in the first, and runs of a shape are planned

    private readonly ImageReader _reader = new(model);

    /// <param name="tokens">Numbers of tokens.</param>
    /// <param name="past">Tokens of the image in the cache; fewer if the image is smaller.</param>
    public static object Run(Loading loading, int[] tokens, int past, int repetitions)
    {
        using var model = new OpenedModel(loading);
        var times = new PassTimes(model, repetitions);
        past = Math.Min(past, Math.Max(0, model.Layout.Length - tokens.Max()));
        for (int read = 0; read < past; read += 64)
            _ = times._reader.Read(Math.Min(64, past - read));
        Dictionary<int, object> passes = tokens.ToDictionary(static count => count, count => times.Of(count, past));
        return new
        {
            Past = past,
            Passes = passes,
            Captures = model.Transformer.Captured.Sum(static captured => captured.Count),
            CapturesAreRight = model.Transformer.Captured.All(static captured => captured.AreRight),
        };
    }

    /// <summary>Median milliseconds of a pass, and of what it spent in ONNX Runtime and in copies.</summary>
    private object Of(int count, int past)
    {
        Transformer transformer = model.Transformer;
        List<double> whole = [], run = [], transfers = [];
        for (int pass = -WarmUp; pass < repetitions; pass++)
        {
            (TimeSpan ran, TimeSpan copied) = (transformer.TimeInRun, transformer.TimeInTransfers);
            _reader.Feed(count);
            long start = Stopwatch.GetTimestamp();
            transformer.Run(CancellationToken.None);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            _reader.Truncate(past);
            if (pass < 0)
                continue;
            whole.Add(elapsed.TotalMilliseconds);
            run.Add((transformer.TimeInRun - ran).TotalMilliseconds);
            transfers.Add((transformer.TimeInTransfers - copied).TotalMilliseconds);
        }

        return new { Whole = Figures.Median(whole), Run = Figures.Median(run), Transfers = Figures.Median(transfers) };
    }
}
