using System.Diagnostics;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>For logs: a line now and then about a picture that takes long, nothing about one that does not.</summary>
internal sealed class LineProgress : IProgressDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    public Task<T> LoadAsync<T>(string title, Func<Task<T>> load) => load();

    public Task<T> DrawAsync<T>(string title, Func<IProgress<GenerationProgress>, Task<T>> draw) => draw(new Lines(title));

    private sealed class Lines(string title) : IProgress<GenerationProgress>
    {
        private long _last = Stopwatch.GetTimestamp();

        public void Report(GenerationProgress value)
        {
            if (Stopwatch.GetElapsedTime(_last) < Interval)
                return;
            _last = Stopwatch.GetTimestamp();
            Print.Note($"{title}: {ProgressText.Of(value)}");
        }
    }
}
