using SjdOnnx.Runtime;

namespace SjdOnnx.Server.Models;

/// <summary>Keeps a model loaded until it is disposed.</summary>
/// <param name="model">The loaded model.</param>
/// <param name="giveBack">Called once, at disposal.</param>
internal sealed class ModelLease(TextToImage model, Action giveBack) : IDisposable
{
    private Action? _giveBack = giveBack;

    public TextToImage Model => model;

    public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
}
