using SjdOnnx.Decoding;

namespace SjdOnnx.Methods;

/// <summary>
/// Decoding methods by name. A new method is one file and a line in <see cref="BuiltIn"/>; an application adds its own with
/// <see cref="Add"/>.
/// </summary>
public sealed class DecodingMethods
{
    private readonly SortedDictionary<string, MethodDescriptor> _byName = new(StringComparer.Ordinal);

    /// <param name="methods">Methods of different names.</param>
    /// <exception cref="ArgumentException">Two methods have the same name.</exception>
    public DecodingMethods(params IEnumerable<MethodDescriptor> methods)
    {
        ArgumentNullException.ThrowIfNull(methods);
        foreach (MethodDescriptor method in methods)
        {
            if (!_byName.TryAdd(method.Name, method))
            {
                throw new ArgumentException(
                    $"There are two decoding methods called '{method.Name}'; give one another name.", nameof(methods));
            }
        }
    }

    /// <summary>The methods of this library.</summary>
    public static DecodingMethods BuiltIn { get; } = new(
        Autoregressive.Descriptor,
        ConfidenceReuse.Descriptor,
        EarlyExit.Descriptor,
        GroupedAcceptance.Descriptor,
        GumbelExact.Descriptor,
        GumbelSharing.Descriptor,
        Jacobi.Descriptor,
        MaximalCoupling.Descriptor,
        ProactiveDrafting.Descriptor,
        PublishedDenoising.Descriptor,
        SpeculativeDenoising.Descriptor,
        SpeculativeJacobi.Descriptor);

    /// <summary>The names in alphabetical order.</summary>
    public IReadOnlyList<string> Names => [.. _byName.Keys];

    /// <summary>The methods, ordered by name.</summary>
    public IReadOnlyList<MethodDescriptor> All => [.. _byName.Values];

    /// <summary>The method called <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">There is no method of that name.</exception>
    public MethodDescriptor this[string name] => _byName.GetValueOrDefault(name)
        ?? throw new ArgumentException($"There is no decoding method '{name}'; choose one of {string.Join(", ", Names)}.", nameof(name));

    /// <summary>These methods and one more.</summary>
    /// <exception cref="ArgumentException">There is already a method of that name.</exception>
    public DecodingMethods Add(MethodDescriptor method) => new([.. _byName.Values, method]);
}
