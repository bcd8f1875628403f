using System.Globalization;
using System.Numerics;

namespace SjdOnnx.Decoding;

/// <summary>An option that one decoding method has: declared once, beside the property that holds it.</summary>
public abstract class MethodOption
{
    private protected MethodOption(string name, string description, string range, string defaultText) =>
        (Name, Description, Range, DefaultText) = (name, description, range, defaultText);

    /// <summary>The name in lower case with hyphens, as on a command line without its dashes: <c>group-size</c>.</summary>
    public string Name { get; }

    /// <summary>The name in camel case, as in JSON: <c>groupSize</c>.</summary>
    public string JsonName => string.Concat(
        Name.Split('-').Select(static (word, i) => i == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    /// <summary>What the option does, in a line.</summary>
    public string Description { get; }

    /// <summary>The legal values, for people: <c>0 to 1024</c>.</summary>
    public string Range { get; }

    /// <summary>The default, as a user would type it.</summary>
    public string DefaultText { get; }

    /// <summary>The option's value in <paramref name="method"/>; null where the model decides.</summary>
    public abstract object? ValueIn(IDecodingMethod method);

    /// <summary><paramref name="method"/> with another value of this option.</summary>
    /// <param name="method">A method that has this option.</param>
    /// <param name="text">The value as users type it, culture-invariant.</param>
    /// <exception cref="FormatException">The text is not a value of the option's type, or not a legal one.</exception>
    public abstract IDecodingMethod Apply(IDecodingMethod method, string text);

    /// <summary>An option that is a number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    /// <param name="name">The name in lower case with hyphens.</param>
    /// <param name="description">What the option does, in a line.</param>
    /// <param name="default">The default; null lets the model decide.</param>
    /// <param name="min">The least legal value.</param>
    /// <param name="max">The greatest legal value.</param>
    /// <param name="get">Reads the property.</param>
    /// <param name="with">Copies the method with another value of the property.</param>
    public static MethodOption<TMethod, T> Number<TMethod, T>(
        string name, string description, T? @default, T min, T max, Func<TMethod, T?> get, Func<TMethod, T, TMethod> with)
        where TMethod : class, IDecodingMethod
        where T : struct, INumber<T>, IMinMaxValue<T>
    {
        string range = max == T.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"a finite number, {min} or more")
            : string.Create(CultureInfo.InvariantCulture, $"{min} to {max}");
        return new(name, description, @default, range, value => value >= min && value <= max, get, with); // false for NaN
    }
}

/// <inheritdoc cref="MethodOption"/>
/// <typeparam name="TMethod">The method that has the option.</typeparam>
/// <typeparam name="T">The type of its value.</typeparam>
public sealed class MethodOption<TMethod, T> : MethodOption
    where TMethod : class, IDecodingMethod
    where T : struct, IParsable<T>
{
    private readonly Predicate<T> _isLegal;
    private readonly Func<TMethod, T?> _get;
    private readonly Func<TMethod, T, TMethod> _with;

    /// <inheritdoc cref="MethodOption.Number"/>
    /// <param name="range">The legal values, for people.</param>
    /// <param name="isLegal">Whether a value is legal.</param>
    public MethodOption(
        string name, string description, T? @default, string range, Predicate<T> isLegal, Func<TMethod, T?> get,
        Func<TMethod, T, TMethod> with)
        : base(name, description, range, @default is { } known ? Text(known) : "the model's") =>
        (Default, _isLegal, _get, _with) = (@default, isLegal, get, with);

    /// <summary>The default; null lets the model decide.</summary>
    public T? Default { get; }

    /// <summary>Returns <paramref name="value"/>, for the property's <c>init</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not legal.</exception>
    public T Checked(T value) => _isLegal(value)
        ? value
        : throw new ArgumentOutOfRangeException(Name, value, $"{Name} must be {Range}; the default is {DefaultText}.");

    /// <inheritdoc/>
    public override object? ValueIn(IDecodingMethod method) => _get((TMethod)method);

    /// <inheritdoc/>
    public override IDecodingMethod Apply(IDecodingMethod method, string text)
    {
        ArgumentNullException.ThrowIfNull(method);
        // .NET would read the comma of 0,1 as a separator of thousands.
        return text?.Contains(',', StringComparison.Ordinal) != true
            && T.TryParse(text, CultureInfo.InvariantCulture, out T value) && _isLegal(value)
            ? _with((TMethod)method, value)
            : throw new FormatException($"{Name} is '{text}'; it must be {Range} (default {DefaultText}).");
    }

    private static string Text(T value) =>
        value is IFormattable formattable ? formattable.ToString(null, CultureInfo.InvariantCulture) : value.ToString() ?? "";
}
