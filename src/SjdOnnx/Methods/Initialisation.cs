using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Methods;

/// <summary>
/// A first guess at an image code of which the model has said nothing yet. Each records as q the very law it drew from,
/// given what stands left of the position; that is all exactness asks of it, so a bad guess costs passes and nothing else.
/// </summary>
public sealed class Initialisation
{
    private readonly Func<Window, int, PassRandom, int> _guess;

    /// <param name="guess">Writes the q of a position and returns the code drawn from it.</param>
    internal Initialisation(string name, Func<Window, int, PassRandom, int> guess) => (Name, _guess) = (name, guess);

    /// <summary>
    /// Any code, and q says so. The draft stands with probability Σ min(p, 1/codes), which is never less than if q were a point
    /// mass on the code drawn.
    /// </summary>
    public static Initialisation Uniform { get; } = new("uniform", DrawUniformly);

    /// <summary>The code to the left, as a point mass; uniform in the first column.</summary>
    public static Initialisation RepeatLeft { get; } = new("repeat-left", static (window, position, random) =>
        window.Layout.Left(position) is { } left ? Repeat(window, position, left) : DrawUniformly(window, position, random));

    /// <summary>Drawn from the distribution of the code to the left; uniform in the first column.</summary>
    public static Initialisation SampleLeft { get; } = new("sample-left", static (window, position, random) =>
        window.Layout.Left(position) is { } left ? DrawLike(window, position, left, random) : DrawUniformly(window, position, random));

    /// <summary>The code above, as a point mass; uniform in the first row.</summary>
    public static Initialisation RepeatAbove { get; } = new("repeat-above", static (window, position, random) =>
        window.Layout.Above(position) is { } above ? Repeat(window, position, above) : DrawUniformly(window, position, random));

    /// <summary>Every initialisation.</summary>
    public static IReadOnlyList<Initialisation> All { get; } = [Uniform, RepeatLeft, SampleLeft, RepeatAbove];

    /// <summary>The name users know it by.</summary>
    public string Name { get; }

    /// <summary>The initialisation called <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static Initialisation Named(string name) => All.FirstOrDefault(known => known.Name == name)
        ?? throw new ArgumentException(
            $"There is no initialisation '{name}'; choose one of {string.Join(", ", All.Select(known => known.Name))}.", nameof(name));

    /// <summary>
    /// Gives the fresh slot at <paramref name="position"/> a code and the q it was drawn from. All slots before it have theirs.
    /// </summary>
    public void Fill(Window window, int position, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        if (window.Layout.IsForced(position))
            window[position] = Distribution.PointMass(window.Q(position), code: 0);
        else
            window[position] = _guess(window, position, random);
    }

    private static int DrawUniformly(Window window, int position, PassRandom random)
    {
        Span<float> q = window.Q(position);
        q.Fill(1f / q.Length);
        return (int)(random.Uniform(position, Purpose.Guess) * q.Length);
    }

    private static int DrawLike(Window window, int position, int neighbour, PassRandom random)
    {
        Span<float> q = window.Q(position);
        window.Q(neighbour).CopyTo(q);
        return random.Draw(q, position, Purpose.Guess);
    }

    private static int Repeat(Window window, int position, int neighbour) =>
        Distribution.PointMass(window.Q(position), window[neighbour]);
}
