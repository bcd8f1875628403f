using System.Diagnostics;

namespace SjdOnnx.Cli.Terminal;

/// <summary>For logs: a line every ten seconds, so that short work prints nothing.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    public Task<T> WaitAsync<T>(string title, Func<Task<T>> work) => work();

    public Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work) => work(new Lines(title));

    private sealed class Lines(string title) : IProgress<WorkProgress>
    {
        private long _last = Stopwatch.GetTimestamp();

        public void Report(WorkProgress value)
        {
            if (Stopwatch.GetElapsedTime(_last) < Interval)
                return;
            _last = Stopwatch.GetTimestamp();
            Print.Note($"{title}: {value.Text()}");
        }
    }
}
