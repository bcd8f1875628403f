namespace SjdOnnx.Cli.Terminal;

/// <summary>Shows on standard error how far the work is. The display disappears when the work is done.</summary>
internal interface IProgressDisplay
{
    /// <summary>A bar if standard error is a terminal; otherwise lines.</summary>
    static IProgressDisplay ForStandardError() => Console.IsErrorRedirected ? new LineProgress() : new BarProgress();

    /// <summary>Shows a title while work of unknown length is done.</summary>
    Task<T> WaitAsync<T>(string title, Func<Task<T>> work);

    /// <summary>Shows how far the work is.</summary>
    Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work);
}

/// <summary>Calls back on the thread that reports, where <see cref="Progress{T}"/> would post to another one.</summary>
internal sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
