namespace SjdOnnx.Actions;

/// <summary>
/// How the tokens of actions are decoded. All ways without <see cref="Exit"/> give the same tokens, those of greedy decoding.
/// </summary>
public sealed record ActionDecoding
{
    /// <summary>One token in each pass.</summary>
    public static ActionDecoding Autoregressive { get; } = new() { Way = ActionWay.Autoregressive };

    /// <summary>All tokens in each pass, until none changes (PD-VLA; CEED-VLA with <see cref="Exit"/>, arXiv 2506.13725).</summary>
    public static ActionDecoding Jacobi { get; } = new() { Way = ActionWay.Jacobi };

    /// <summary>
    /// As <see cref="Jacobi"/>, but tokens that did not change are final, and later passes read the others alone (CLLM, arXiv 2403.00835).
    /// </summary>
    public static ActionDecoding Shrinking { get; } = new() { Way = ActionWay.Shrinking };

    /// <summary>The way.</summary>
    public required ActionWay Way { get; init; }

    /// <summary>
    /// CEED-VLA's exit point σ: the most passes over the window; the tokens of the last one are taken as they are. Null, the default, waits
    /// until no token changes. It means nothing to <see cref="ActionWay.Autoregressive"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? Exit
    {
        get;
        init => field = value is null or >= 1 ? value : throw new ArgumentOutOfRangeException(
            nameof(Exit), value, $"The exit point is {value}; it must be 1 or more passes, or null to wait until no token changes.");
    }
}

/// <summary>The ways to decode actions.</summary>
public enum ActionWay
{
    /// <summary>One token in each pass.</summary>
    Autoregressive,

    /// <summary>The whole window in each pass.</summary>
    Jacobi,

    /// <summary>The part of the window that is not final yet.</summary>
    Shrinking,
}

/// <summary>A decoded answer.</summary>
/// <param name="Ids">The tokens, without the end.</param>
/// <param name="Passes">Passes of the language model after the one that read the prompt.</param>
/// <param name="Rows">Tokens that these passes read.</param>
/// <param name="HasConverged">Whether the tokens are those of greedy decoding for certain; false if the exit point came first.</param>
public sealed record ActionAnswer(IReadOnlyList<int> Ids, int Passes, int Rows, bool HasConverged);
