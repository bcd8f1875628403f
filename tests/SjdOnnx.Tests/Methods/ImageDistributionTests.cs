using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Windows;
using Xunit.Abstractions;

namespace SjdOnnx.Tests.Methods;

/// <summary>
/// Exactness: over all images that a toy model can draw, every exact method must have the distribution of drawing one token after another.
/// </summary>
public sealed class ImageDistributionTests(ITestOutputHelper output)
{
    // With 729 images, a total variation of 0.03 gives z = 12 after 120,000 draws; with half as many images, after 80,000.
    private const int Draws = 120_000;
    private const int FewerDraws = 80_000;
    private const int MoreDraws = 250_000;
    private const int ManyDraws = 650_000; // some mistakes with trees have a small effect

    // Pass after pass another window is the cheapest.
    private static readonly PassCosts Costs = new([(0, 1), (1, 1.1), (2, 1.12), (3, 1.25), (4, 1.27), (6, 1.5)]);

    private static IEnumerable<MethodDescriptor> ExactMethods => DecodingMethods.BuiltIn.All.Where(method => method.IsExact);

    public static TheoryData<string> ExactMethodsWithDrafts() =>
        [.. ExactMethods.Where(method => method.HasDrafts).Select(method => method.Name)];

    /// <summary>
    /// Every exact method with every window. The initializations take turns, so that with four windows a method has each of them once. One
    /// method has all of them with every window.
    /// </summary>
    public static TheoryData<string, int, string> Cells(int[] windows)
    {
        var cells = new TheoryData<string, int, string>();
        foreach ((int turn, MethodDescriptor method) in ExactMethods.Index())
        {
            foreach ((int i, int window) in windows.Index())
            {
                // without drafts there is nothing to guess
                IEnumerable<Initialization> initializations =
                    window == 0 ? [Initialization.Uniform]
                    : !method.HasDrafts ? []
                    : method.Name == "mc" ? Initialization.All
                    : [Initialization.All[(turn + i) % Initialization.All.Count]];
                foreach (Initialization initialization in initializations)
                    cells.Add(method.Name, window, initialization.Name);
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells), new[] { 0, 1, 2, 3, 11 })] // 11 is two more than the image has tokens
    public void Images_have_the_distribution_of_the_model(string method, int window, string initialization) =>
        Check(Scenario.Plain, Create(method), new FixedWindow(window), Initialization.Parse(initialization));

    [Theory]
    [MemberData(nameof(Cells), new[] { 1, 3, 16 })]
    public void Guidance_a_mask_and_top_p_keep_the_distribution(string method, int window, string initialization) =>
        Check(Scenario.Guided, Create(method), new FixedWindow(window), Initialization.Parse(initialization), FewerDraws);

    [Theory]
    [MemberData(nameof(Cells), new[] { 2, 3, 18 })]
    public void Top_k_and_rows_of_one_code_keep_the_distribution(string method, int window, string initialization) =>
        Check(Scenario.TopTwo, Create(method), new FixedWindow(window), Initialization.Parse(initialization), FewerDraws);

    [Theory]
    [MemberData(nameof(ExactMethodsWithDrafts))]
    public void A_first_guess_that_is_always_the_same_keeps_the_distribution(string method)
    {
        foreach (int window in new[] { 2, 11 })
            Check(Scenario.Plain, Create(method), new FixedWindow(window), OutsideInitializations.Constant, FewerDraws);
    }

    [Theory]
    [MemberData(nameof(ExactMethodsWithDrafts))]
    public void A_window_that_changes_from_pass_to_pass_keeps_the_distribution(string method)
    {
        var drafts = new HashSet<int>();
        Decoder decoder = Scenario.Plain.CreateDecoder(Create(method), Auto(method, 11));
        Scenario.Plain.Decode(decoder, 200, window => drafts.Add(window.Drafts));
        Assert.True(drafts.Count > 1, $"The window did not change: {string.Join(", ", drafts)}.");

        Check(Scenario.Plain, Create(method), Auto(method, 11));
    }

    [Theory]
    [MemberData(nameof(ExactMethodsWithDrafts))]
    public void A_window_that_opens_only_in_the_middle_of_the_image_keeps_the_distribution(string method) =>
        Check(Scenario.Plain, Create(method), new Scheduled(3, start => start is 2 or 4 ? 3 : 0));

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Sharing_passes_with_other_images_keeps_the_distribution(int together)
    {
        foreach (MethodDescriptor method in ExactMethods)
            Check(Scenario.Plain, Create(method.Name), Auto(method.Name, 3), draws: FewerDraws / 2, together: together);
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
    [InlineData(3, 5)] // the whole codebook
    [InlineData(6, 1, 4)]
    [InlineData(3, 3, 1, 1)]
    [InlineData(6, 8, 1, 2)]
    public void Trees_of_any_shape_keep_the_distribution(int window, params int[] candidates) =>
        Check(Scenario.FiveCodes, new ProactiveDrafting { Branching = new Branching(candidates) }, new FixedWindow(window));

    [Theory]
    [InlineData(3, 1)]
    [InlineData(6, 3)]
    [InlineData(11, 1)]
    [InlineData(11, 5)] // more steps than a slot has passes
    public void Any_number_of_denoising_steps_keeps_the_distribution(int window, int steps) =>
        Check(Scenario.Plain, new SpeculativeDenoising { DenoisingSteps = steps }, new FixedWindow(window));

    [Theory]
    [InlineData(1, "0")]
    [InlineData(3, "1")]
    [InlineData(11, "0")]
    [InlineData(11, "2")]
    public void A_method_from_outside_the_library_keeps_the_distribution(int window, string maxAccepted)
    {
        MethodDescriptor outside = DecodingMethods.BuiltIn.Add(LimitedAcceptance.Descriptor)["outside"];
        IDecodingMethod method = outside.Options[0].Apply(outside.Default, maxAccepted);

        Check(Scenario.Plain, method, new FixedWindow(window));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(11)]
    public void An_initialization_from_outside_the_library_keeps_the_distribution(int window) =>
        Check(Scenario.Plain, new SpeculativeJacobi(), new FixedWindow(window), OutsideInitializations.PointMass);

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
    public void Wrong_decoding_changes_the_distribution(string name)
    {
        CheckWrong(Scenario.Plain, CreateDecoder, name);

        Decoder CreateDecoder()
        {
            NegativeControl control = NegativeControl.Create(name);
            return Scenario.Plain.CreateDecoder(control.Method, control.Windows, control.Initialization);
        }
    }

    [Theory]
    [InlineData(TreeMistake.SiblingsFromTheResidual, 2, 2, 2)]
    [InlineData(TreeMistake.TheLongestPath, 3, 3)]
    [InlineData(TreeMistake.TheLastResidualBehindThePath, 2, 3)]
    [InlineData(TreeMistake.ThePadRow, 3, 3)]
    [InlineData(TreeMistake.SiblingsWithReplacement, 3, 3)]
    internal void A_wrong_tree_changes_the_distribution(TreeMistake mistake, params int[] candidates)
    {
        Scenario scenario = mistake == TreeMistake.TheLastResidualBehindThePath ? Scenario.Volatile : Scenario.FiveCodes;
        CheckWrong(scenario, () => With(mistake), $"{mistake}", ManyDraws);

        // without its mistake the tree is correct
        GoodnessOfFit right = scenario.Test(() => With(TreeMistake.None), FewerDraws);
        Assert.True(right.Z < GoodnessOfFit.Limit, right.ToString());

        Decoder With(TreeMistake made) => scenario.CreateDecoder(new WrongTree(new Branching(candidates), made), new FixedWindow(3));
    }

    [Theory]
    [InlineData("sjd++")]
    [InlineData("gsd")]
    [InlineData("early-exit")]
    [InlineData("sjd2-published")]
    public void A_lossy_method_changes_the_distribution(string name)
    {
        IDecodingMethod method = name switch
        {
            "gsd" => new GroupedAcceptance { GroupSize = 2 },
            "early-exit" => new EarlyExit { Iterations = 1 },
            "sjd2-published" => new PublishedDenoising { DenoisingSteps = 1 },
            _ => new ConfidenceReuse { ReuseThreshold = 0.1f },
        };
        Assert.Equal(name, method.Descriptor.Name);
        Assert.False(method.Descriptor.IsExact);
        CheckWrong(Scenario.Plain, () => Scenario.Plain.CreateDecoder(method, new FixedWindow(6)), name);
    }

    private static IDecodingMethod Create(string name)
    {
        IDecodingMethod method = DecodingMethods.BuiltIn[name].Default;
        return method is IDenoisingMethod denoising ? denoising.WithSteps(2) : method;
    }

    private static AutoWindow Auto(string method, int maxDrafts) =>
        new(Costs, maxDrafts, (Create(method) as ITreeMethod)?.MaxBranches(maxDrafts) ?? 0);

    private void Check(
        Scenario scenario, IDecodingMethod method, IWindowPolicy windows, Initialization? initialization = null, int draws = Draws,
        int together = 1)
    {
        Assert.True(method.Descriptor.IsExact);
        GoodnessOfFit fit = scenario.Test(() => scenario.CreateDecoder(method, windows, initialization), draws, together);
        output.WriteLine(fit.ToString());
        Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
    }

    private void CheckWrong(Scenario scenario, Func<Decoder> createDecoder, string name, int draws = MoreDraws)
    {
        GoodnessOfFit fit = scenario.Test(createDecoder, draws);
        output.WriteLine($"{name}: {fit}");
        Assert.True(fit.Z > 4 * GoodnessOfFit.Limit, $"{name} passes for exact: {fit}");
    }
}
