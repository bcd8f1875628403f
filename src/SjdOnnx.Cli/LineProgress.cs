using System.Diagnostics;

namespace SjdOnnx.Cli;

/// <summary>For logs: a line now and then about work that takes long, nothing about work that does not.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    public Task<T> LoadAsync<T>(string title, Func<Task<T>> load) => load();

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
