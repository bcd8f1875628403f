using System.Diagnostics.CodeAnalysis;
using SjdOnnx.Sampling;

namespace SjdOnnx.Decoding;

/// <summary>
/// A first guess at an image code that no pass has predicted yet. Each guess records as q the very distribution that it was drawn from,
/// given the codes to the left. Exactness needs nothing more, so a bad guess costs passes and nothing else. In text it is the
/// <see cref="Name"/>.
/// </summary>
public sealed class Initialization : IParsable<Initialization>
{
    private readonly Func<Window, int, PassRandom, int> _guess;

    /// <summary>A first guess of another kind.</summary>
    /// <param name="name">The name that users know it by.</param>
    /// <param name="guess">
    /// Writes <see cref="Window.Q"/> of a position and returns the code drawn from it with <see cref="Purpose.Guess"/>. All slots to the
    /// left have their codes.
    /// </param>
    public Initialization(string name, Func<Window, int, PassRandom, int> guess)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(guess);
        (Name, _guess) = (name, guess);
    }

    /// <summary>
    /// Any code with equal probability, recorded as such in q. The draft stands with probability Σ min(p, 1/codes), never less than if q
    /// were a point mass on the drawn code.
    /// </summary>
    public static Initialization Uniform { get; } = new("uniform", DrawUniformly);

    /// <summary>The code to the left, as a point mass; uniform in the first column.</summary>
    public static Initialization RepeatLeft { get; } = new("repeat-left", static (window, position, random) =>
        window.Layout.Left(position) is { } left ? Repeat(window, position, left) : DrawUniformly(window, position, random));

    /// <summary>Drawn from the distribution of the code to the left; uniform in the first column.</summary>
    public static Initialization SampleLeft { get; } = new("sample-left", static (window, position, random) =>
        window.Layout.Left(position) is { } left ? DrawLike(window, position, left, random) : DrawUniformly(window, position, random));

    /// <summary>The code above, as a point mass; uniform in the first row.</summary>
    public static Initialization RepeatAbove { get; } = new("repeat-above", static (window, position, random) =>
        window.Layout.Above(position) is { } above ? Repeat(window, position, above) : DrawUniformly(window, position, random));

    /// <summary>Every initialization.</summary>
    public static IReadOnlyList<Initialization> All { get; } = [Uniform, RepeatLeft, SampleLeft, RepeatAbove];

    /// <summary>The name users know it by.</summary>
    public string Name { get; }

    /// <summary>The initialization called <paramref name="s"/>.</summary>
    /// <exception cref="FormatException">There is none of that name.</exception>
    public static Initialization Parse(string s) => TryParse(s, out Initialization? result)
        ? result
        : throw new FormatException(
            $"There is no initialization '{s}'; choose one of {string.Join(", ", All.Select(known => known.Name))}.");

    /// <inheritdoc cref="Parse"/>
    /// <returns>Whether there is one of that name.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, [MaybeNullWhen(false)] out Initialization result)
    {
        result = All.FirstOrDefault(known => known.Name == s);
        return result is not null;
    }

    static Initialization IParsable<Initialization>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Initialization>.TryParse(
        [NotNullWhen(true)] string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out Initialization result) =>
        TryParse(s, out result);

    /// <summary>Gives every slot that no pass has predicted yet a code and the q it was drawn from, left to right.</summary>
    public void FillFresh(Window window, PassRandom random)
    {
        ArgumentNullException.ThrowIfNull(window);
        for (int position = Math.Max(window.Predicted, window.Start); position < window.End; position++)
        {
            window[position] = window.Layout.IsForced(position)
                ? Distribution.PointMass(window.Q(position), code: 0)
                : _guess(window, position, random);
        }
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private static int DrawUniformly(Window window, int position, PassRandom random)
    {
        Span<float> q = window.Q(position);
        q.Fill(1f / q.Length);
        return (int)(random.Uniform(position, Purpose.Guess) * q.Length);
    }

    private static int DrawLike(Window window, int position, int neighbor, PassRandom random)
    {
        Span<float> q = window.Q(position);
        window.Q(neighbor).CopyTo(q);
        return random.Draw(q, position, Purpose.Guess);
    }

    private static int Repeat(Window window, int position, int neighbor) =>
        Distribution.PointMass(window.Q(position), window[neighbor]);
}
