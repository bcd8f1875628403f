using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>Shows on standard error how far the work is, and nothing of it when the work is done.</summary>
internal interface IProgressDisplay
{
    Task<T> LoadAsync<T>(string title, Func<Task<T>> load);

    Task<T> DrawAsync<T>(string title, Func<IProgress<GenerationProgress>, Task<T>> draw);
}
