using System.CommandLine;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli;

/// <summary>The options that only some methods have; the others ignore them.</summary>
internal sealed class MethodArguments
{
    /// <summary>What --denoising-steps is, here and where it is a list.</summary>
    public const string DenoisingDescription = "sjd2: passes that bring a draft from noise to a code, at most the window";

    private const string TheMethods = "the method's";

    private readonly Option<IReadOnlyList<int>?> _branching = List<int>("--branching", "K,L",
        "pac: candidates for each of the first open positions",
        $"a whole number from 1 to {DecodingOptions.MostCandidates}", TheMethods, Whole(1, DecodingOptions.MostCandidates));

    private readonly Option<float?> _reuseThreshold = Number<float>("--reuse-threshold", "T",
        "sjd++: how much of its probability a draft behind a rejection must have kept to stay",
        "a number, 0 or more", TheMethods, t => t >= 0);

    private readonly Option<int?> _groupSize = Number<int>("--group-size", "N", "gsd: neighbours that share a draft's test",
        $"a whole number from 0 to {DecodingOptions.LargestGroup}", TheMethods, n => n is >= 0 and <= DecodingOptions.LargestGroup);

    private readonly Option<float?> _groupTolerance = Number<float>("--group-tolerance", "D",
        "gsd: how far the probability of such a neighbour may lie from the draft's",
        "a number from 0 to 1", TheMethods, d => d is >= 0 and <= 1);

    private readonly Option<int?> _iterations = Number<int>("--iterations", "N",
        "early-exit: passes that refine a draft before it is committed as it is",
        "a whole number, 1 or more", TheMethods, n => n >= 1);

    /// <summary>Its legal values in words.</summary>
    public static string DenoisingRange { get; } = $"a whole number from 1 to {DecodingOptions.LargestWindow}";

    public IEnumerable<Option> Options => [_branching, _reuseThreshold, _groupSize, _groupTolerance, _iterations];

    /// <summary>By itself, because a comparison takes several.</summary>
    public Option<int?> DenoisingSteps { get; } = Number<int>("--denoising-steps", "K",
        DenoisingDescription, DenoisingRange, TheModels, k => k is >= 1 and <= DecodingOptions.LargestWindow);

    /// <summary>The option of generate that sets a property of <see cref="DecodingOptions"/>, such as --window.</summary>
    public static string OptionOf(string property) => property switch
    {
        nameof(DecodingOptions.WindowSize) => "--window",
        nameof(DecodingOptions.Initialisation) => "--init",
        nameof(DecodingOptions.Branching) => "--branching",
        nameof(DecodingOptions.ReuseThreshold) => "--reuse-threshold",
        nameof(DecodingOptions.GroupSize) => "--group-size",
        nameof(DecodingOptions.GroupTolerance) => "--group-tolerance",
        nameof(DecodingOptions.Iterations) => "--iterations",
        nameof(DecodingOptions.DenoisingSteps) => "--denoising-steps",
        _ => throw new ArgumentOutOfRangeException(nameof(property), property, "There is no option for this property."),
    };

    /// <returns><paramref name="request"/> with what was given; the rest is left to the method.</returns>
    public GenerationRequest Complete(GenerationRequest request, ParseResult parsed) => request with
    {
        Branching = parsed.GetValue(_branching),
        ReuseThreshold = parsed.GetValue(_reuseThreshold),
        GroupSize = parsed.GetValue(_groupSize),
        GroupTolerance = parsed.GetValue(_groupTolerance),
        Iterations = parsed.GetValue(_iterations),
    };
}
