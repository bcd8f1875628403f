using SjdOnnx.Decoding;

namespace SjdOnnx.Tests;

/// <summary>The forward pass of several toy models at once.</summary>
internal sealed class SharedPass : IForwardPass
{
    public List<ToyModel> Models { get; } = [];

    public void Run(CancellationToken cancellationToken) => Models.ForEach(model => model.Run(cancellationToken));
}
