using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using Xunit.Abstractions;

namespace SjdOnnx.Tests.Methods;

/// <summary>Losslessness: over all pictures a toy model can draw, every exact method must have the law of drawing token by token.</summary>
public sealed class JointLawTests(ITestOutputHelper output)
{
    // Of 729 pictures 200,000 draws show a total variation of 0.03 as z = 21; where there are half as many, 100,000 show it as z = 15.
    private const int Draws = 200_000;
    private const int FewerDraws = 100_000;

    public static TheoryData<string, int, string> Cells(int[] windows)
    {
        var cells = new TheoryData<string, int, string>();
        foreach (string method in DecodingMethods.Names)
        {
            foreach (int window in windows)
            {
                // without a window there is nothing to guess, and autoregressive decoding has none
                foreach (Initialisation initialisation in window == 0 ? [Initialisation.Uniform] : Initialisation.All)
                {
                    if (window == 0 || DecodingMethods.Create(method).WindowSize > 0)
                        cells.Add(method, window, initialisation.Name);
                }
            }
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Cells), new[] { 0, 1, 2, 3, 11 })] // 11 is two more than the picture has tokens
    public void Pictures_have_the_law_of_the_model(string method, int window, string initialisation) =>
        Check(Scenario.Plain, () => Create(method, window, initialisation));

    [Theory]
    [MemberData(nameof(Cells), new[] { 0, 1, 3, 16 })]
    public void Guidance_a_mask_and_top_p_change_nothing(string method, int window, string initialisation) =>
        Check(Scenario.Guided, () => Create(method, window, initialisation), FewerDraws);

    [Theory]
    [MemberData(nameof(Cells), new[] { 0, 2, 3, 18 })]
    public void Neither_do_top_k_and_rows_of_one_code(string method, int window, string initialisation) =>
        Check(Scenario.TopTwo, () => Create(method, window, initialisation), FewerDraws);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(11)]
    public void Methods_from_outside_the_library_have_it_too(int window)
    {
        var options = new DecodingOptions { WindowSize = window };
        Check(Scenario.Plain, () => new MaximalCoupling(options));
        Check(Scenario.Guided, () => new MaximalCoupling(options));
        Check(Scenario.Plain, () => new SharedGumbel(options));
    }

    [Theory]
    [InlineData(1, null)]
    [InlineData(3, null)]
    [InlineData(11, null)]
    [InlineData(3, 0)]
    [InlineData(3, 2)]
    [InlineData(11, 2)]
    public void Neither_random_nor_stubborn_point_masses_change_anything(int window, int? stubborn) =>
        Check(Scenario.Plain, () => new PointMassGuesses(new DecodingOptions { WindowSize = window }, stubborn));

    [Theory]
    [InlineData(nameof(AcceptsEverything))]
    [InlineData(nameof(ReplacesFromP))]
    [InlineData(nameof(KeepsOldQ))]
    [InlineData(nameof(CommitsTheBatchMinimum))]
    [InlineData(nameof(KeepsAboveThreshold))]
    [InlineData(nameof(SharesOneGumbelVector))]
    [InlineData(nameof(RecordsTheWrongQ))]
    public void A_wrong_method_is_found_out(string control)
    {
        GoodnessOfFit fit = Scenario.Plain.Test(() => NegativeControl.Create(control), Draws);
        output.WriteLine($"{control}: {fit}");
        Assert.True(fit.Z > 4 * GoodnessOfFit.Limit, $"{control} passes for exact: {fit}");
    }

    private static IDecodingMethod Create(string method, int window, string initialisation) =>
        DecodingMethods.Create(method, new DecodingOptions { WindowSize = window, Initialisation = Initialisation.Named(initialisation) });

    private void Check(Scenario scenario, Func<IDecodingMethod> createMethod, int draws = Draws)
    {
        Assert.True(createMethod().IsExact);
        GoodnessOfFit fit = scenario.Test(createMethod, draws);
        output.WriteLine(fit.ToString());
        Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
    }
}
