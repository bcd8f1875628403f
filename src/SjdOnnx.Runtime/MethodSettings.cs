using System.Globalization;
using SjdOnnx.Methods;

namespace SjdOnnx.Runtime;

/// <summary>Those of <see cref="DecodingOptions"/> that only some methods have. Null is what the method does not look at.</summary>
/// <param name="Branching">Candidates at each of the first positions, as "3x3".</param>
public sealed record MethodSettings(
    string? Branching = null, float? ReuseThreshold = null, int? GroupSize = null, float? GroupTolerance = null, int? Iterations = null,
    int? DenoisingSteps = null)
{
    /// <summary>What the method called <paramref name="name"/> looks at; null if it is nothing of these.</summary>
    internal static MethodSettings? Of(string name, DecodingOptions options)
    {
        IReadOnlyList<string> known = DecodingMethods.Describe(name).Options;
        bool Has(string option) => known.Contains(option);
        var settings = new MethodSettings(
            Has(nameof(Branching)) ? string.Join('x', options.Branching.Select(each => each.ToString(CultureInfo.InvariantCulture))) : null,
            Has(nameof(ReuseThreshold)) ? options.ReuseThreshold : null,
            Has(nameof(GroupSize)) ? options.GroupSize : null,
            Has(nameof(GroupTolerance)) ? options.GroupTolerance : null,
            Has(nameof(Iterations)) ? options.Iterations : null,
            Has(nameof(DenoisingSteps)) ? options.DenoisingSteps : null);
        return settings == new MethodSettings() ? null : settings;
    }
}
