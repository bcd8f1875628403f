using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Tests;
using SjdOnnx.Tests.Methods;
using SjdOnnx.Windows;
using Xunit.Abstractions;
using Xunit.Sdk;
using static System.FormattableString;

namespace SjdOnnx.Statistics.Tests;

/// <summary>
/// Exactness on the built-in model, whose distribution over images nobody knows: the model reads the images that a method drew, and every
/// code must look drawn from the distribution that it has there. The last test writes docs/benchmarks/exactness.md.
/// </summary>
[TestCaseOrderer("SjdOnnx.Statistics.Tests.PageLast", "SjdOnnx.Statistics.Tests")]
public sealed class ExactnessTests(ITestOutputHelper output, Findings findings) : IClassFixture<Findings>
{
    /// <summary>Of about 600 deviates; at a two-sided 0.3 % for all of them together, each may exceed it with 1 in 200,000.</summary>
    internal const double Limit = 4.6;

    internal const int OfOnePrompt = 120;
    internal const int OfManyPrompts = 80;

    private const int OfControls = 80;
    private const double SmallestSignificance = 0.002;

    // Logits depend a little on how many tokens are read at once: a lone token uses another kernel, and int8 may round to another step.
    private const double LargestDistance = 0.02;

    private const string OnePrompt = "a fox above a rocket on a blue background";
    private const int ControlWindow = 16;

    private static readonly PassCosts Costs = new([(0, 1), (4, 1.6), (16, 2.6), (32, 4.2), (64, 7.6)]);

    private static readonly (string Name, int Window, bool Auto)[] Exact =
    [
        .. from method in DecodingMethods.BuiltIn.All where method.IsExact select (method.Name, method.HasDrafts ? 24 : 0, false),
        ("sjd", 64, true), ("mc", 64, true), ("pac", 64, true), ("sjd2", 64, true),
    ];

    /// <summary>Wrong methods, and one that is lossy and says so.</summary>
    private static readonly string[] Wrong =
    [
        nameof(ReplacesFromP), nameof(KeepsOldQ), nameof(RecordsTheWrongQ), nameof(TrustsWhatWasReadAsNoise), "sjd++",
    ];

    private static readonly string[] AllPrecisions = ["int8", "fp32"];

    public static TheoryData<string, int, bool> ExactMethods()
    {
        var cells = new TheoryData<string, int, bool>();
        foreach ((string name, int window, bool auto) in Exact)
            cells.Add(name, window, auto);
        return cells;
    }

    public static TheoryData<string> Controls() => new(Wrong);

    public static TheoryData<string> Precisions() => new(AllPrecisions);

    [Theory]
    [MemberData(nameof(ExactMethods))]
    public void Every_code_of_an_exact_method_is_drawn_from_the_models_distribution(string name, int window, bool auto)
    {
        IDecodingMethod method = DecodingMethods.BuiltIn[name].Default;
        if (method is IDenoisingMethod denoising) // in three steps a slot is noise, something between, and a code
            method = denoising.WithSteps(3);
        // The costs are of no real machine, so that windows change within an image, and not with the load of the machine that tests.
        int branches = (method as ITreeMethod)?.MaxBranches(window) ?? 0;
        IWindowPolicy windows = auto ? new AutoWindow(Costs, window, branches) : new FixedWindow(window);
        List<DrawnImage> images = Draw(method, windows, initialization: null, OfOnePrompt, OfManyPrompts);
        Law law = Examine(method, images, Dice(name, window, auto));
        (string what, double z) = law.Transforms().MaxBy(static found => Math.Abs(found.Z));
        BuiltInModel model = findings.ModelOf(method);
        double significance = name == "ar" ? 1 : TwoSamples.Significance(
            [.. images.Take(OfOnePrompt).Select(static image => image.Codes)], AutoregressiveOfOnePrompt(model), model.Layout);

        Assert.InRange(law.LogLikelihood, -Limit, Limit);
        Assert.All(law.Transforms(), found => Assert.InRange(found.Z, -Limit, Limit));
        Assert.InRange(law.WindowDistance, 0, LargestDistance);
        Assert.InRange(significance, SmallestSignificance, 1);
        if (ChecksQ(method))
            Assert.InRange(law.Acceptance, -Limit, Limit);

        string perPass = Invariant($"{(double)law.Tokens / images.Sum(static image => image.ForwardPasses):F2}");
        findings.Add(
            Section.Methods, $"{name} {window} {auto}",
            [
                $"`{name}`", auto ? "auto" : $"{window}", Invariant($"{law.Tokens:N0}"), perPass, Invariant($"{law.LogLikelihood:F2}"),
                Invariant($"{z:F2} ({what})"), ChecksQ(method) ? Invariant($"{law.Acceptance:F2}") : "–",
                name == "ar" ? "–" : Invariant($"{significance:F2}"), Invariant($"{law.WindowDistance:F4}"),
            ]);
    }

    [Theory]
    [MemberData(nameof(Controls))]
    public void A_method_that_is_wrong_in_one_respect_is_found_out(string name)
    {
        NegativeControl control = DecodingMethods.BuiltIn.Names.Contains(name)
            ? new NegativeControl(DecodingMethods.BuiltIn[name].Default, new FixedWindow(ControlWindow))
            : NegativeControl.Create(name, ControlWindow);
        List<DrawnImage> images = Draw(control.Method, control.Windows, control.Initialization, 0, OfControls);
        Law law = Examine(control.Method, images, Dice(name, ControlWindow, auto: false));
        (string what, double z) = law.Transforms().MaxBy(static found => Math.Abs(found.Z));

        double largest = new[] { law.LogLikelihood, z, law.Acceptance }.Max(Math.Abs);
        Assert.True(largest > Limit, $"{name} passes for exact: {largest:F2}");
        findings.Add(
            Section.Controls, name,
            [
                name, Invariant($"{law.Tokens:N0}"), Invariant($"{law.LogLikelihood:F1}"), Invariant($"{z:F1} ({what})"),
                Invariant($"{law.Acceptance:F1}"),
            ]);
    }

    /// <summary>
    /// Rounding may decide a near tie. Such images are counted, and must be rare. At int8 ar, which reads lone tokens alone, rounds
    /// otherwise in nearly every image: that is only counted.
    /// </summary>
    [Theory]
    [MemberData(nameof(Precisions))]
    public void Images_of_exact_are_the_same_at_every_window_except_for_near_ties(string precision)
    {
        const int Prompts = 170;
        const double LargestShare = 0.02;
        using var model = new BuiltInModel(TestModel.Folder!, Precision.Parse(precision));
        int images = 0, different = 0, notOfAr = 0;
        for (int i = 0; i < Prompts; i++)
        {
            string prompt = BuiltInModel.HeldOutPrompts[i % BuiltInModel.HeldOutPrompts.Count];
            int[] expected = model.Draw(prompt, (ulong)i, new GumbelExact(), new FixedWindow(0)).Codes;
            int[] ar = model.Draw(prompt, (ulong)i, new Autoregressive(), new FixedWindow(0)).Codes;
            notOfAr += ar.AsSpan().SequenceEqual(expected) ? 0 : 1;
            foreach (int window in (int[])[1 + (i % 8), 16, 64])
            {
                images++;
                int[] codes = model.Draw(prompt, (ulong)i, new GumbelExact(), new FixedWindow(window)).Codes;
                different += codes.AsSpan().SequenceEqual(expected) ? 0 : 1;
            }
        }

        Assert.InRange((double)different / images, 0, LargestShare);
        if (precision == Precision.Fp32.Name)
            Assert.InRange((double)notOfAr / Prompts, 0, LargestShare);
        findings.Add(Section.Agreement, precision, [precision, $"{images}", $"{different}", $"{Prompts}", $"{notOfAr}"]);
    }

    /// <summary>
    /// At fp32, the distributions of the passes that drew an image are compared with those of reading the finished image.
    /// </summary>
    [Theory]
    [InlineData("sjd", 16)]
    [InlineData("mc", 64)]
    [InlineData("pac", 16)]
    public void Rejected_drafts_leave_nothing_in_the_cache(string name, int window)
    {
        using var exact = new BuiltInModel(TestModel.Folder!, Precision.Fp32);
        double largest = 0;
        for (int i = 0; i < 8; i++)
        {
            DrawnImage image = exact.Draw(
                BuiltInModel.HeldOutPrompts[i], (ulong)i, DecodingMethods.BuiltIn[name].Default, new FixedWindow(window));
            float[][] distributions = exact.Distributions(image);
            for (int index = 0; index < distributions.Length; index++)
            {
                if (image.Witness.First[index] is { } seen)
                    largest = Math.Max(largest, seen.Zip(distributions[index], static (a, b) => Math.Abs(a - b)).Max());
            }
        }

        output.WriteLine($"{name}, window {window}: probabilities differ by {largest:E1} at most");
        Assert.InRange(largest, 0, 1e-4);
    }

    /// <summary>Runs last. A row is missing if its test was not selected or failed; then the page stays as it is.</summary>
    [Fact]
    public void The_page_is_written_when_all_rows_are_there()
    {
        string[] missing =
        [
            .. Exact.Select(static cell => $"{cell.Name} {cell.Window} {cell.Auto}").Except(findings.Keys(Section.Methods)),
            .. Wrong.Except(findings.Keys(Section.Controls)),
            .. AllPrecisions.Except(findings.Keys(Section.Agreement)),
        ];
        Assert.True(missing.Length == 0, $"The page was not written, because these rows are missing: {string.Join(", ", missing)}.");
        findings.WritePage();
    }

    // The drafts of these methods stand or fall by other rules.
    private static bool ChecksQ(IDecodingMethod method) => method is not (Autoregressive or Jacobi or GumbelExact);

    private int[][] AutoregressiveOfOnePrompt(BuiltInModel model) => findings.AutoregressiveCodes(model, () =>
    [
        .. Enumerable.Range(0, OfOnePrompt).Select(i =>
            model.Draw(OnePrompt, 77_000_000 + (ulong)i, new Autoregressive(), new FixedWindow(0)).Codes),
    ]);

    private List<DrawnImage> Draw(
        IDecodingMethod method, IWindowPolicy windows, Initialization? initialization, int ofOnePrompt, int ofManyPrompts)
    {
        BuiltInModel model = findings.ModelOf(method);
        string name = initialization?.Name ?? method.Descriptor.Name;
        var images = new List<DrawnImage>();
        for (int i = 0; i < ofOnePrompt + ofManyPrompts; i++)
        {
            IReadOnlyList<string> heldOut = BuiltInModel.HeldOutPrompts;
            string prompt = i < ofOnePrompt ? OnePrompt : heldOut[(i - ofOnePrompt) % heldOut.Count];
            images.Add(model.Draw(prompt, Seed(name, windows.MaxDrafts, i), method, windows, initialization));
        }

        return images;
    }

    // Each method has its own seeds; samples that are compared would otherwise share their random numbers.
    private static ulong Seed(string name, int window, int image) =>
        (ulong)((name.Sum(static letter => letter * 31) * 100_000) + (window * 1_000) + image);

    private static Random Dice(string name, int window, bool auto) =>
        new((name.Sum(static letter => letter * 7919) * 131) + (window * 2) + (auto ? 1 : 0));

    private Law Examine(IDecodingMethod method, List<DrawnImage> images, Random dice)
    {
        BuiltInModel model = findings.ModelOf(method);
        var law = new Law(model.Layout, dice);
        foreach (DrawnImage image in images)
            law.Add(image, model.Distributions(image));
        return law;
    }
}

/// <summary>Runs the test that writes the page after all others.</summary>
public sealed class PageLast : ITestCaseOrderer
{
    public IEnumerable<TTestCase> OrderTestCases<TTestCase>(IEnumerable<TTestCase> testCases)
        where TTestCase : ITestCase =>
        testCases.OrderBy(static test => test.TestMethod.Method.Name == nameof(ExactnessTests.The_page_is_written_when_all_rows_are_there));
}
