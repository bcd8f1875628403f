namespace SjdOnnx.Cli;

/// <summary>Shows on standard error how far the work is, and nothing of it when the work is done.</summary>
internal interface IProgressDisplay
{
    /// <summary>For standard error as it is: a bar at a terminal, else lines.</summary>
    static IProgressDisplay ForStandardError() => Console.IsErrorRedirected ? new LineProgress() : new BarProgress();

    Task<T> LoadAsync<T>(string title, Func<Task<T>> load);

    Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work);
}
