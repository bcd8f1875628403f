using System.Collections.Frozen;
using SjdOnnx.Decoding;

namespace SjdOnnx.Methods;

/// <summary>The decoding methods by name. A new one is a file of its own and a line here.</summary>
public static class DecodingMethods
{
    private const string Window = nameof(DecodingOptions.WindowSize);
    private const string Guess = nameof(DecodingOptions.Initialisation);

    private static readonly FrozenDictionary<string, Entry> Entries = new Dictionary<string, Entry>
    {
        ["ar"] = new("one token per pass", _ => new Autoregressive()),
        ["early-exit"] = new(
            "as exact, but a draft is committed after so many passes whether or not it has converged",
            options => new EarlyExit(options), Window, Guess, nameof(DecodingOptions.Iterations)),
        ["exact"] = new(
            "the very picture that ar draws with the same seed, in fewer passes", options => new GumbelExact(options), Window, Guess),
        ["gsd"] = new(
            "as sjd, but a draft is judged together with codes of about its probability",
            options => new GroupedAcceptance(options),
            Window, Guess, nameof(DecodingOptions.GroupSize), nameof(DecodingOptions.GroupTolerance)),
        ["gumbel"] = new(
            "as sjd, but drafts change only where their distribution does", options => new GumbelSharing(options), Window, Guess),
        ["jacobi"] = new("a draft stands if a fresh draw equals it", options => new Jacobi(options), Window, Guess),
        ["mc"] = new(
            "as sjd, but behind a rejection drafts stay as often as they can", options => new MaximalCoupling(options), Window, Guess),
        ["pac"] = new(
            "as mc, and the first positions have several candidates, judged as a tree",
            options => new ProactiveDrafting(options), Window, Guess, nameof(DecodingOptions.Branching)),
        ["sjd"] = new(
            "a draft stands with probability min(1, p/q), else a code from the residual",
            options => new SpeculativeJacobi(options), Window, Guess),
        ["sjd2"] = new(
            "as mc, but drafts begin as noise and are denoised pass by pass; needs a model that reads noise",
            options => new SpeculativeDenoising(options), Window, Guess, nameof(DecodingOptions.DenoisingSteps)),
        ["sjd++"] = new(
            "as sjd, but behind a rejection drafts stay while their probability has not fallen far",
            options => new ConfidenceReuse(options), Window, Guess, nameof(DecodingOptions.ReuseThreshold)),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Every name that <see cref="Create"/> knows, in alphabetical order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Entries.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The method called <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">There is no method of that name.</exception>
    public static IDecodingMethod Create(string name, DecodingOptions? options = null) =>
        Find(name).Create(options ?? new DecodingOptions());

    /// <summary>What there is to know of the method called <paramref name="name"/> before it is made.</summary>
    /// <exception cref="ArgumentException">There is no method of that name.</exception>
    public static MethodDescription Describe(string name)
    {
        Entry entry = Find(name);
        IDecodingMethod method = entry.Create(new DecodingOptions());
        return new MethodDescription(name, entry.Summary, method.IsExact, method.IsSeedExact, method.DenoisingSteps > 0, entry.Options);
    }

    private static Entry Find(string name) => Entries.GetValueOrDefault(name)
        ?? throw new ArgumentException($"There is no decoding method '{name}'; choose one of {string.Join(", ", Names)}.", nameof(name));

    private sealed record Entry(string Summary, Func<DecodingOptions, IDecodingMethod> Create, params string[] Options);
}
