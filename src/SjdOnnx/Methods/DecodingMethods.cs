using System.Collections.Frozen;
using SjdOnnx.Decoding;

namespace SjdOnnx.Methods;

/// <summary>The decoding methods by name. A new one is a file of its own and a line here.</summary>
public static class DecodingMethods
{
    private static readonly FrozenDictionary<string, Func<DecodingOptions, IDecodingMethod>> Constructors =
        new Dictionary<string, Func<DecodingOptions, IDecodingMethod>>
        {
            ["ar"] = _ => new Autoregressive(),
            ["exact"] = options => new GumbelExact(options),
            ["gumbel"] = options => new GumbelSharing(options),
            ["jacobi"] = options => new Jacobi(options),
            ["mc"] = options => new MaximalCoupling(options),
            ["pac"] = options => new ProactiveDrafting(options),
            ["sjd"] = options => new SpeculativeJacobi(options),
        }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Every name that <see cref="Create"/> knows, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Constructors.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The method called <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">There is no method of that name.</exception>
    public static IDecodingMethod Create(string name, DecodingOptions? options = null) =>
        Constructors.TryGetValue(name, out Func<DecodingOptions, IDecodingMethod>? create)
            ? create(options ?? new DecodingOptions())
            : throw new ArgumentException($"There is no decoding method '{name}'; choose one of {string.Join(", ", Names)}.", nameof(name));
}
