using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Tests;
using SjdOnnx.Tests.Methods;
using Xunit.Abstractions;

namespace SjdOnnx.Statistics.Tests;

/// <summary>
/// Losslessness on the built-in model, whose law is known to nobody: pictures are read back by the model, and every code must look drawn from the
/// distribution it has there. What came out is written to docs/benchmarks/exactness.md.
/// </summary>
public sealed class ExactnessTests(ITestOutputHelper output, ExactnessTests.Findings findings) : IClassFixture<ExactnessTests.Findings>
{
    // 600 deviates are looked at; at a two-sided 0.3 % for all of them together each has 1 in 200,000.
    private const double Limit = 4.6;
    private const double SmallestSignificance = 0.002;

    // What reading a picture in other portions changes: a lone token takes another kernel than several, and int8 may then round to another step.
    private const double LargestDistance = 0.02;

    private const string OnePrompt = "a fox above a rocket on a blue background";
    private const int OfOnePrompt = 120;
    private const int OfManyPrompts = 80;
    private const int OfControls = 80;

    public static TheoryData<string, int, bool> ExactMethods()
    {
        var cells = new TheoryData<string, int, bool>();
        foreach (string name in DecodingMethods.Names.Where(name => DecodingMethods.Create(name).IsExact))
            cells.Add(name, 24, false);
        foreach (string name in (string[])["sjd", "mc", "pac", "sjd2"])
            cells.Add(name, 64, true);
        return cells;
    }

    [Theory]
    [MemberData(nameof(ExactMethods))]
    public void Every_code_is_drawn_from_its_distribution(string name, int window, bool auto)
    {
        // Three steps have all there is: noise, something between, and codes.
        IDecodingMethod method = DecodingMethods.Create(name, new DecodingOptions { WindowSize = window, DenoisingSteps = 3 });
        List<DrawnPicture> pictures = Draw(method, auto ? Auto : null, OfOnePrompt, OfManyPrompts);
        Law law = Examine(method, pictures, Dice(name, window, auto));
        (string what, double z) = law.Transforms().MaxBy(static found => Math.Abs(found.Z));
        double significance = name == "ar" ? 1 : TwoSamples.Significance(
            [.. pictures.Take(OfOnePrompt).Select(static picture => picture.Codes)], findings.AutoregressiveOfOnePrompt(method), findings.ModelOf(method).Layout);
        findings.Add(
            $"| `{name}` | {(auto ? "auto" : method.WindowSize)} | {law.Tokens:N0} | {(double)law.Tokens / pictures.Sum(static picture => picture.ForwardPasses):F2} | {law.LogLikelihood:F2} | {z:F2} ({what}) | {(ChecksQ(method) ? law.Acceptance.ToString("F2", CultureInfo.InvariantCulture) : "–")} | {(name == "ar" ? "–" : significance.ToString("F2", CultureInfo.InvariantCulture))} | {law.WindowDistance:F4} |");

        Assert.InRange(law.LogLikelihood, -Limit, Limit);
        Assert.All(law.Transforms(), found => Assert.InRange(found.Z, -Limit, Limit));
        Assert.InRange(law.WindowDistance, 0, LargestDistance);
        Assert.InRange(significance, SmallestSignificance, 1);
        if (ChecksQ(method))
            Assert.InRange(law.Acceptance, -Limit, Limit);
    }

    [Theory]
    [InlineData(nameof(ReplacesFromP))]
    [InlineData(nameof(KeepsOldQ))]
    [InlineData(nameof(RecordsTheWrongQ))]
    [InlineData(nameof(TrustsWhatWasReadAsNoise))]
    [InlineData("sjd++")] // lossy, and says so
    public void A_wrong_method_is_found_out(string control)
    {
        IDecodingMethod method = DecodingMethods.Names.Contains(control) ? DecodingMethods.Create(control) : NegativeControl.Create(control, window: 16);
        Assert.False(method.IsExact);
        Law law = Examine(method, Draw(method, auto: null, 0, OfControls), Dice(control, window: 16, auto: false));
        (string what, double z) = law.Transforms().MaxBy(static found => Math.Abs(found.Z));
        findings.AddControl($"| {control} | {law.Tokens:N0} | {law.LogLikelihood:F1} | {z:F1} ({what}) | {law.Acceptance:F1} |");

        double largest = new[] { law.LogLikelihood, z, law.Acceptance }.Max(Math.Abs);
        Assert.True(largest > Limit, $"{control} passes for exact: {largest:F2}");
    }

    /// <summary>Rounding may part a near tie: that is counted, and must stay rare.</summary>
    [Theory]
    [InlineData("int8", 170, 0.02)]
    [InlineData("fp32", 170, 0.02)]
    public void Seed_exact_pictures_are_the_autoregressive_ones(string precision, int prompts, double most)
    {
        using var other = new BuiltInModel(TestModel.Folder!, precision);
        int pictures = 0, different = 0;
        for (int i = 0; i < prompts; i++)
        {
            string prompt = BuiltInModel.HeldOutPrompts[i % BuiltInModel.HeldOutPrompts.Count];
            int[] expected = other.Draw(prompt, (ulong)i, new Autoregressive()).Codes;
            foreach (int window in (int[])[1 + (i % 8), 16, 64])
            {
                pictures++;
                int[] codes = other.Draw(prompt, (ulong)i, new GumbelExact(new DecodingOptions { WindowSize = window })).Codes;
                different += codes.AsSpan().SequenceEqual(expected) ? 0 : 1;
            }
        }

        findings.AddAgreement($"| {precision} | {pictures} | {different} |");
        Assert.InRange((double)different / pictures, 0, most);
    }

    /// <summary>Nothing that a window left in the cache may change what a later pass says: at fp32, against reading the finished picture afresh.</summary>
    [Theory]
    [InlineData("sjd", 16)]
    [InlineData("mc", 64)]
    [InlineData("pac", 16)]
    public void The_cache_holds_the_picture_and_nothing_else(string name, int window)
    {
        using var exact = new BuiltInModel(TestModel.Folder!, "fp32");
        double largest = 0;
        for (int i = 0; i < 8; i++)
        {
            DrawnPicture picture = exact.Draw(
                BuiltInModel.HeldOutPrompts[i], (ulong)i, DecodingMethods.Create(name, new DecodingOptions { WindowSize = window }));
            float[][] distributions = exact.Distributions(picture);
            for (int index = 0; index < distributions.Length; index++)
            {
                if (picture.Witness.First[index] is { } seen)
                    largest = Math.Max(largest, seen.Zip(distributions[index], static (a, b) => Math.Abs(a - b)).Max());
            }
        }

        output.WriteLine($"{name}, window {window}: probabilities differ by {largest:E1} at most");
        Assert.InRange(largest, 0, 1e-4);
    }

    // Costs of no machine in particular: windows change in the course of a picture, and not with the load of the machine that tests.
    private static AutoWindow Auto { get; } = new(new PassCosts([(0, 1), (4, 1.6), (16, 2.6), (32, 4.2), (64, 7.6)]));

    // Their drafts stand or fall by other rules.
    private static bool ChecksQ(IDecodingMethod method) => method is not (Autoregressive or Jacobi or GumbelExact);

    private List<DrawnPicture> Draw(IDecodingMethod method, AutoWindow? auto, int ofOnePrompt, int ofManyPrompts)
    {
        var pictures = new List<DrawnPicture>();
        for (int i = 0; i < ofOnePrompt; i++)
            pictures.Add(findings.ModelOf(method).Draw(OnePrompt, Seed(method, i), method, auto));
        for (int i = 0; i < ofManyPrompts; i++)
            pictures.Add(findings.ModelOf(method).Draw(BuiltInModel.HeldOutPrompts[i % BuiltInModel.HeldOutPrompts.Count], Seed(method, ofOnePrompt + i), method, auto));
        return pictures;
    }

    // Each method has seeds of its own, or samples that are compared would share their chance.
    private static ulong Seed(IDecodingMethod method, int picture) =>
        (ulong)((method.Name.Sum(static letter => letter * 31) * 100_000) + (method.WindowSize * 1_000) + picture);

    private static Random Dice(string name, int window, bool auto) => new((name.Sum(static letter => letter * 7919) * 131) + (window * 2) + (auto ? 1 : 0));

    private Law Examine(IDecodingMethod method, List<DrawnPicture> pictures, Random dice)
    {
        BuiltInModel model = findings.ModelOf(method);
        var law = new Law(model.Layout, dice);
        foreach (DrawnPicture picture in pictures)
            law.Add(picture, model.Distributions(picture));
        return law;
    }

    /// <summary>The models, and what was found, which becomes a page of the docs at the end.</summary>
    public sealed class Findings : IDisposable
    {
        private readonly List<string> _methods = [];
        private readonly List<string> _controls = [];
        private readonly List<string> _agreements = [];
        private readonly Dictionary<BuiltInModel, int[][]> _autoregressive = [];
        private readonly BuiltInModel _model = new(TestModel.Folder!, "int8");
        private readonly Lazy<BuiltInModel> _readsNoise = new(() => new BuiltInModel(TestModel.DenoisingFolder!, "int8"));

        /// <summary>The model whose law the method's pictures ought to have: the fine-tuned one, if the method has it read noise.</summary>
        internal BuiltInModel ModelOf(IDecodingMethod method) => method.DenoisingSteps > 0 ? _readsNoise.Value : _model;

        internal int[][] AutoregressiveOfOnePrompt(IDecodingMethod method)
        {
            BuiltInModel model = ModelOf(method);
            if (!_autoregressive.TryGetValue(model, out int[][]? codes))
            {
                codes = [.. Enumerable.Range(0, OfOnePrompt).Select(i => model.Draw(OnePrompt, 77_000_000 + (ulong)i, new Autoregressive()).Codes)];
                _autoregressive.Add(model, codes);
            }

            return codes;
        }

        public void Dispose()
        {
            _model.Dispose();
            if (_readsNoise.IsValueCreated)
                _readsNoise.Value.Dispose();
            if (_methods.Count > 0 && _controls.Count > 0 && _agreements.Count > 0)
                File.WriteAllText(Page(), Text());
        }

        internal void Add(string row) => _methods.Add(row);

        internal void AddControl(string row) => _controls.Add(row);

        internal void AddAgreement(string row) => _agreements.Add(row);

        private string Text()
        {
            var page = new StringBuilder();
            page.AppendLine(CultureInfo.InvariantCulture, $"""
                # Exactness on the built-in model

                `sjd2` is examined on `emoji-sjd2`, with three denoising steps; all else on `emoji`. Written by `./test --long` (`tests/SjdOnnx.Statistics.Tests`), int8, default sampling. Pictures ({OfOnePrompt} of one prompt and {OfManyPrompts} of held-out ones for each
                row) are read back by the model; if each code was drawn from the distribution it has there, every deviate below is standard normal. Limit {Limit}.

                - *log-likelihood*: Σ (−log p(x) − entropy of p), over its standard deviation.
                - *transforms*: the worst of 51 tests that randomised probability integral transforms are uniform and independent: in three orders of the codes, by row, by
                  column, by place in the pass that committed them.
                - *acceptance*: how often drafts stood against how often they ought to, Σ min(p, q). Not for methods that accept by other rules.
                - *against `ar`*: significance of the difference between {OfOnePrompt} pictures and {OfOnePrompt} autoregressive ones of the same prompt, in counts of codes, of pairs beside and above
                  each other, and of runs of equal codes (exchanging pictures, Bonferroni over the four).
                - *window*: the mean total variation between the distribution that a pass predicted for its first open position and the one read back. It is rounding: a lone token
                  takes another attention kernel than several, and at int8 that may round to another step. Below it no test of sampling means anything.

                | method | window | tokens | per pass | log-likelihood | transforms | acceptance | against `ar` | window |
                |---|---|---|---|---|---|---|---|---|
                """);
            page.AppendJoin('\n', _methods.Order(StringComparer.Ordinal)).AppendLine();
            page.AppendLine("""

                ## Mistakes that these tests find

                | mistake | tokens | log-likelihood | transforms | acceptance |
                |---|---|---|---|---|
                """);
            page.AppendJoin('\n', _controls.Order(StringComparer.Ordinal)).AppendLine();
            page.AppendLine("""

                ## `exact` against `ar`, same seeds

                Windows of 1 to 8, 16 and 64 drafts.

                | precision | pictures | not the same codes |
                |---|---|---|
                """);
            page.AppendJoin('\n', _agreements.Order(StringComparer.Ordinal)).AppendLine();
            return page.ToString();
        }

        private static string Page([CallerFilePath] string file = "") =>
            Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "docs", "benchmarks", "exactness.md"));
    }
}
