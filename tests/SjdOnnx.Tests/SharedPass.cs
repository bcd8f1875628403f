using SjdOnnx.Decoding;

namespace SjdOnnx.Tests;

/// <summary>One forward pass of several toy models.</summary>
internal sealed class SharedPass : IForwardPass
{
    public List<ToyModel> Models { get; } = [];

    public void Run(CancellationToken cancellationToken) => Models.ForEach(model => model.Run(cancellationToken));
}
