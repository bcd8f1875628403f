using System.Diagnostics;
using SjdOnnx.Peers.Engines;
using SjdOnnx.Runtime;

namespace SjdOnnx.Peers;

/// <summary>Measures one engine in this process, after images that warm it up: .NET compiles what runs often a second time.</summary>
internal static class Measurement
{
    private static readonly TimeSpan Warm = TimeSpan.FromSeconds(1), Enough = TimeSpan.FromSeconds(1.5);

    /// <param name="cell">What to measure.</param>
    /// <param name="round">The first one also draws a greedy image.</param>
    /// <param name="out">Holds the models and the cache of SjdOnnx.</param>
    /// <param name="threads">Threads of a pass.</param>
    /// <param name="started">The timestamp at which the parent started this process.</param>
    public static Sample Run(Cell cell, int round, string @out, int threads, long started)
    {
        long start = Stopwatch.GetTimestamp();
        PeerModel model = PeerModel.Open(Path.Combine(@out, "models", cell.Model));
        using IEngine engine = Open(cell, model, threads, Path.Combine(@out, "cache"));
        TimeSpan load = Stopwatch.GetElapsedTime(start);
        TimeSpan firstToken = default;
        Drawn warming = engine.Draw(image: 0, greedy: false, () => firstToken = Stopwatch.GetElapsedTime(started));
        TimeSpan firstImage = Stopwatch.GetElapsedTime(started);
        double[] images = Draw(engine, Enough, first: 1 + Draw(engine, Warm, first: 1).Length);
        int[]? greedy = round > 0 ? null : [.. (engine is Sjd ? engine.Draw(0, greedy: true, static () => { }) : warming).Codes];
        using var process = Process.GetCurrentProcess();
        return new Sample(
            cell, round, load.TotalSeconds, firstToken.TotalSeconds, firstImage.TotalSeconds, images, model.Tokens, greedy,
            process.PeakWorkingSet64);
    }

    /// <summary>Seconds of each image, for at least the given time.</summary>
    private static double[] Draw(IEngine engine, TimeSpan time, int first)
    {
        var images = new List<double>();
        while (images.Sum() < time.TotalSeconds)
            images.Add(engine.Draw(first + images.Count, greedy: false, static () => { }).Elapsed.TotalSeconds);
        return [.. images];
    }

    private static IEngine Open(Cell cell, PeerModel model, int threads, string cache) => cell.Engine switch
    {
        Cell.BareRun => new BareRun(model, cell.Precision, cell.Lanes, threads),
        Cell.GenAi => new GenAi(model, $"genai-{cell.Precision}", cell.Lanes, threads),
        Cell.GenAiBlocks => new GenAi(model, $"genai-blocks-{cell.Precision}", cell.Lanes, threads),
        Cell.LlamaCpp => new LlamaCpp(model, cell.Precision, cell.Lanes, threads),
        Cell.Ar => new Sjd(model, cell.Precision, cell.Lanes, threads, "ar", WindowSize.Auto, cache),
        Cell.ArBlocks => new Sjd(model, $"{cell.Precision}-blocks", cell.Lanes, threads, "ar", WindowSize.Auto, cache),
        _ when cell.Engine.Split(' ') is [string method, string window] =>
            new Sjd(model, cell.Precision, cell.Lanes, threads, method, WindowSize.Parse(window), cache),
        _ => throw new ArgumentException($"There is no engine '{cell.Engine}'.", nameof(cell)),
    };
}
