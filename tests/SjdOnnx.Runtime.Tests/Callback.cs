namespace SjdOnnx.Runtime.Tests;

/// <summary>Calls back on the thread that reports, unlike <see cref="Progress{T}"/>.</summary>
internal sealed class Callback<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
