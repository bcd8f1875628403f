namespace SjdOnnx.FixedPoints;

/// <summary>Jacobi iteration: all unknowns of a causal system are updated side by side until the iterate stands.</summary>
public static class FixedPoint
{
    /// <summary>Updates the system until a rule says that it may stop, or until it overflows.</summary>
    /// <param name="system">The equations with their first guess. It holds the solution afterwards.</param>
    /// <param name="rule">When to stop.</param>
    /// <param name="observe">Called after each update with the number of updates, from 1 on, and the change; null for nobody.</param>
    /// <param name="cancellation">Checked by every update.</param>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public static Solution Iterate(
        ICausalSystem system, StoppingRule rule, Action<int, Change>? observe = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(rule);
        for (int updates = 1; ; updates++)
        {
            Change change = system.Update(cancellation);
            observe?.Invoke(updates, change);
            bool stands = change.IsFinite && change.Residual <= rule.Tolerance;
            if (stands || !change.IsFinite || updates == rule.MaxUpdates)
                return new Solution(updates, change, stands);
        }
    }
}

/// <summary>When an iteration stops.</summary>
public sealed record StoppingRule
{
    /// <summary>The most updates, 1 or more. As many as there are unknowns always suffice for the exact solution.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public required int MaxUpdates
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxUpdates), value, "MaxUpdates must be 1 or more updates.");
    }

    /// <summary>
    /// The largest <see cref="Change.Residual"/> that counts as no change: 0, the default, waits until nothing changes, and a negative
    /// number makes all <see cref="MaxUpdates"/> updates.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a number.</exception>
    public double Tolerance
    {
        get;
        init => field = !double.IsNaN(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Tolerance), value, "Tolerance must be a number; 0 waits until nothing changes.");
    }
}

/// <summary>How an iteration ended.</summary>
/// <param name="Updates">Passes of the network.</param>
/// <param name="Last">What the last of them changed.</param>
/// <param name="HasConverged">Whether the last change was within the tolerance.</param>
public readonly record struct Solution(int Updates, Change Last, bool HasConverged);
