namespace SjdOnnx.FixedPoints;

/// <summary>
/// Equations x[i] = F[i](x[0], …, x[i-1]) in which each unknown depends on those before it alone, and a guess at all of them, the iterate.
/// Solving them one after another gives the one solution. <see cref="FixedPoint"/> solves them side by side.
/// </summary>
public interface ICausalSystem
{
    /// <summary>
    /// Evaluates F at the iterate, for all unknowns in one pass of the network, and puts the result in its place. After k updates the
    /// first k unknowns are those of the solution, whatever the first guess was.
    /// </summary>
    /// <returns>How the iterate changed.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    Change Update(CancellationToken cancellation);
}

/// <summary>How an update changed the iterate.</summary>
/// <param name="Equal">The number of unknowns at the beginning that did not change. They are those of the solution.</param>
/// <param name="Residual">The size of the change, 0 or more, in the system's own measure; 0 if nothing changed.</param>
/// <param name="IsFinite">Whether every number of the new iterate is finite. If not, further updates cannot help.</param>
public readonly record struct Change(int Equal, double Residual, bool IsFinite = true);
