using System.Diagnostics;
using System.Globalization;

namespace SjdOnnx.Peers;

/// <summary>
/// Starts a process for each cell, round after round, and appends what it measured to a file. A later call goes on from there.
/// </summary>
internal sealed class Rounds(string @out, int threads, string python, string scripts, string? program)
{
    private readonly string _file = Path.Combine(@out, "samples.jsonl");

    /// <summary>Whether all processes ended well and nothing is left to measure.</summary>
    public bool Run(IReadOnlyList<Cell> cells, int rounds, TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        HashSet<(Cell, int)> done = [.. Sample.ReadAll(_file).Select(sample => (sample.Cell, sample.Round))];
        bool whole = true;
        for (int round = 0; round < rounds; round++)
        {
            foreach (Cell cell in Order(cells, round).Where(cell => round < cell.MaxRounds && !done.Contains((cell, round))))
            {
                if (Stopwatch.GetElapsedTime(start) > limit)
                {
                    Console.Error.WriteLine("The time is over. Run the same command again to go on.");
                    return false;
                }

                whole &= Measure(cell, round);
            }
        }

        return whole;
    }

    /// <summary>Groups stay together; every other round goes through each backwards.</summary>
    private static IEnumerable<Cell> Order(IEnumerable<Cell> cells, int round) =>
        cells.GroupBy(cell => cell.Group).SelectMany(group => round % 2 == 0 ? group : group.Reverse());

    private bool Measure(Cell cell, int round)
    {
        long started = Stopwatch.GetTimestamp(); // the clock is the same in all processes of a machine
        using var process = new Process { StartInfo = Command(cell, round, started) };
        process.Start();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        if (process.ExitCode != 0)
        {
            Console.Error.WriteLine($"round {round + 1}, {cell}: failed with status {process.ExitCode}");
            Console.Error.WriteLine(errors.GetAwaiter().GetResult());
            return false;
        }

        Sample sample = cell.Engine == Cell.Program
            ? new Sample(cell, round, null, null, elapsed.TotalSeconds, [], 0, null, null)
            : Sample.Parse(output.TrimEnd().Split('\n')[^1]);
        File.AppendAllText(_file, sample.ToJson() + "\n");
        Console.Error.WriteLine($"round {round + 1}, {cell}: {elapsed.TotalSeconds:0.0} s");
        return true;
    }

    private ProcessStartInfo Command(Cell cell, int round, long started)
    {
        string[] sample =
        [
            "--out", @out, "--model", cell.Model, "--precision", cell.Precision, "--lanes", Text(cell.Lanes), "--engine", cell.Engine,
            "--threads", Text(threads), "--round", Text(round), "--started", Text(started),
        ];
        (string file, string[] arguments) = cell.Engine switch
        {
            Cell.Program => (program!, [
                "generate", PeerModel.Open(Path.Combine(@out, "models", cell.Model)).Text, "--precision", cell.Precision,
                "--output", Path.Combine(@out, "sjd.png")]),
            Cell.PyTorch => (python, [Path.Combine(scripts, "eager.py"), .. sample]),
            _ => (Environment.ProcessPath!, (string[])["sample", .. sample]),
        };
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SJDONNX_CACHE"] = Path.Combine(@out, "cache");
        start.Environment["ORT_DISABLE_TELEMETRY"] = "1";
        return start;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
