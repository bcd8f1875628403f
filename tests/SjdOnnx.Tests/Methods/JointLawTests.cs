using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using Xunit.Abstractions;

namespace SjdOnnx.Tests.Methods;

/// <summary>Losslessness: over all pictures a toy model can draw, every exact method must have the law of drawing token by token.</summary>
public sealed class JointLawTests(ITestOutputHelper output)
{
    // Of 729 pictures 120,000 draws show a total variation of 0.03 as z = 12, and where there are half as many, 80,000 do.
    private const int Draws = 120_000;
    private const int FewerDraws = 80_000;
    private const int MoreDraws = 250_000;
    private const int ManyDraws = 650_000; // some mistakes with trees are small

    private static readonly Initialisation Stubborn =
        new("stubborn", static (window, position, _) => Distribution.PointMass(window.Q(position), code: 1));

    // Pass after pass the cheapest window is another one.
    private static readonly AutoWindow Auto = new(new PassCosts([(0, 1), (1, 1.1), (2, 1.12), (3, 1.25), (4, 1.27), (6, 1.5)]));

    public static IEnumerable<string> ExactMethods => DecodingMethods.Names.Where(name => DecodingMethods.Describe(name).IsExact);

    public static TheoryData<string> ExactMethodsWithWindows() => [.. ExactMethods.Where(HasWindow)];

    /// <summary>
    /// Every exact method with every window, the initialisations taking turns, so that with four windows each has each; one method with
    /// all.
    /// </summary>
    public static TheoryData<string, int, string> Cells(int[] windows)
    {
        var cells = new TheoryData<string, int, string>();
        foreach ((int turn, string method) in ExactMethods.Index())
        {
            foreach ((int i, int window) in windows.Index())
            {
                // without a window there is nothing to guess, and autoregressive decoding has none
                IEnumerable<Initialisation> initialisations =
                    window == 0 ? [Initialisation.Uniform]
                    : !HasWindow(method) ? []
                    : method == "mc" ? Initialisation.All
                    : [Initialisation.All[(turn + i) % Initialisation.All.Count]];
                foreach (Initialisation initialisation in initialisations)
                    cells.Add(method, window, initialisation.Name);
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells), new[] { 0, 1, 2, 3, 11 })] // 11 is two more than the picture has tokens
    public void Pictures_have_the_law_of_the_model(string method, int window, string initialisation) =>
        Check(Scenario.Plain, () => Create(method, window, Initialisation.Named(initialisation)));

    [Theory]
    [MemberData(nameof(Cells), new[] { 1, 3, 16 })]
    public void Guidance_a_mask_and_top_p_change_nothing(string method, int window, string initialisation) =>
        Check(Scenario.Guided, () => Create(method, window, Initialisation.Named(initialisation)), FewerDraws);

    [Theory]
    [MemberData(nameof(Cells), new[] { 2, 3, 18 })]
    public void Neither_do_top_k_and_rows_of_one_code(string method, int window, string initialisation) =>
        Check(Scenario.TopTwo, () => Create(method, window, Initialisation.Named(initialisation)), FewerDraws);

    [Theory]
    [MemberData(nameof(ExactMethodsWithWindows))]
    public void Nor_does_a_guess_that_is_always_the_same(string method)
    {
        foreach (int window in new[] { 2, 11 })
            Check(Scenario.Plain, () => Create(method, window, Stubborn), FewerDraws);
    }

    [Theory]
    [MemberData(nameof(ExactMethodsWithWindows))]
    public void Nor_a_window_that_changes_from_pass_to_pass(string method)
    {
        var drafts = new HashSet<int>();
        Scenario.Plain.Decode(() => Create(method, 11), 200, Auto, window => drafts.Add(window.Drafts));
        Assert.True(drafts.Count > 1, $"It did not change: {string.Join(", ", drafts)}.");

        Check(Scenario.Plain, () => Create(method, 11), Draws, Auto);
    }

    [Theory]
    [MemberData(nameof(ExactMethodsWithWindows))]
    public void Nor_one_that_is_opened_in_the_middle_of_the_picture_alone(string method) =>
        Check(Scenario.Plain, () => new Scheduled(Create(method, 3), start => start is 2 or 4 ? 3 : 0));

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Nor_other_pictures_in_the_same_pass(int together)
    {
        foreach (string method in ExactMethods)
            Check(Scenario.Plain, () => Create(method, 3), FewerDraws / 2, Auto, together);
    }

    [Theory]
    [InlineData(1, 3, 3)]
    [InlineData(2, 3, 3)]
    [InlineData(3, 3, 3)]
    [InlineData(6, 3, 3)]
    [InlineData(1, 2, 2, 2)]
    [InlineData(2, 2, 2, 2)]
    [InlineData(3, 2, 2, 2)]
    [InlineData(6, 2, 2, 2)]
    [InlineData(3, 5)] // every code there is
    [InlineData(6, 1, 4)]
    [InlineData(3, 3, 1, 1)]
    [InlineData(6, 8, 1, 2)]
    public void Trees_of_any_shape_have_it_too(int window, params int[] branching) =>
        Check(Scenario.FiveCodes, () => new ProactiveDrafting(new DecodingOptions { WindowSize = window, Branching = branching }));

    [Theory]
    [InlineData(3, 1)]
    [InlineData(6, 3)]
    [InlineData(11, 1)]
    [InlineData(11, 5)] // more than any slot passes
    public void Slots_may_be_noise_for_any_number_of_passes(int window, int steps) =>
        Check(Scenario.Plain, () => new SpeculativeDenoising(new DecodingOptions { WindowSize = window, DenoisingSteps = steps }));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(11)]
    public void And_methods_from_outside_the_library(int window) =>
        Check(Scenario.Plain, () => new PointMassGuesses(new DecodingOptions { WindowSize = window }));

    [Theory]
    [InlineData(nameof(AcceptsEverything))]
    [InlineData(nameof(ReplacesFromP))]
    [InlineData(nameof(KeepsOldQ))]
    [InlineData(nameof(CommitsTheBatchMinimum))]
    [InlineData(nameof(KeepsAboveThreshold))]
    [InlineData(nameof(SharesOneGumbelVector))]
    [InlineData(nameof(RecordsTheWrongQ))]
    [InlineData(nameof(ClosesOnDraftsThatChanged))]
    [InlineData(nameof(TrustsWhatWasReadAsNoise))]
    public void A_wrong_method_is_found_out(string control) => CheckWrong(Scenario.Plain, () => NegativeControl.Create(control), control);

    [Theory]
    [InlineData(TreeMistake.SiblingsFromTheResidual, 2, 2, 2)]
    [InlineData(TreeMistake.TheLongestPath, 3, 3)]
    [InlineData(TreeMistake.TheLastResidualBehindThePath, 2, 3)]
    [InlineData(TreeMistake.ThePadRow, 3, 3)]
    [InlineData(TreeMistake.SiblingsWithReplacement, 3, 3)]
    internal void And_so_is_a_wrong_tree(TreeMistake mistake, params int[] branching)
    {
        Scenario scenario = mistake == TreeMistake.TheLastResidualBehindThePath ? Scenario.Volatile : Scenario.FiveCodes;
        var options = new DecodingOptions { WindowSize = 3, Branching = branching };
        CheckWrong(scenario, () => new WrongTree(options, mistake), $"{mistake}", ManyDraws);

        // but for its mistake it would be right
        GoodnessOfFit right = scenario.Test(() => new WrongTree(options, TreeMistake.None), FewerDraws);
        Assert.True(right.Z < GoodnessOfFit.Limit, right.ToString());
    }

    [Theory]
    [InlineData("sjd++")]
    [InlineData("gsd")]
    [InlineData("early-exit")]
    public void A_method_that_calls_itself_lossy_is_lossy(string method)
    {
        var options = new DecodingOptions { WindowSize = 6, ReuseThreshold = 0.1f, GroupSize = 2, Iterations = 1 };
        Assert.False(DecodingMethods.Describe(method).IsExact);
        CheckWrong(Scenario.Plain, () => DecodingMethods.Create(method, options), method);
    }

    private static bool HasWindow(string method) => Create(method, window: 1).WindowSize > 0;

    private static IDecodingMethod Create(string method, int window, Initialisation? initialisation = null)
    {
        var options = new DecodingOptions { WindowSize = window, DenoisingSteps = 2, Initialisation = initialisation ?? Initialisation.Uniform };
        return DecodingMethods.Create(method, options);
    }

    private void Check(Scenario scenario, Func<IDecodingMethod> createMethod, int draws = Draws, AutoWindow? auto = null, int together = 1)
    {
        Assert.True(createMethod().IsExact);
        GoodnessOfFit fit = scenario.Test(createMethod, draws, auto, together);
        output.WriteLine(fit.ToString());
        Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
    }

    private void CheckWrong(Scenario scenario, Func<IDecodingMethod> createMethod, string name, int draws = MoreDraws)
    {
        GoodnessOfFit fit = scenario.Test(createMethod, draws);
        output.WriteLine($"{name}: {fit}");
        Assert.True(fit.Z > 4 * GoodnessOfFit.Limit, $"{name} passes for exact: {fit}");
    }
}
