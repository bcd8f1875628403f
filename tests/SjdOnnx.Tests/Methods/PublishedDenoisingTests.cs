using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Tests.Methods;

public sealed class PublishedDenoisingTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 6, Columns = 5, FirstCode = 4, Codes = 7, RowSuffix = [90], Suffix = [91] };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Clean_slots_are_left_of_noisy_ones_and_nothing_is_committed_behind_noise(int steps)
    {
        int noisy = 0;
        Decode(new PublishedDenoising { DenoisingSteps = steps }, (window, before, _, verdict) =>
        {
            int[] left = [.. Codes(window).Select(window.Step)];
            Assert.Equal(left.Order(), left);
            Assert.All(left, step => Assert.InRange(step, 0, steps));
            int clean = Enumerable.Range(window.Start, window.Drafts).TakeWhile(position => window.Step(position) == 0).Count();
            Assert.InRange(verdict.Accepted, 0, clean);
            Assert.Equal(before[..verdict.Accepted], Enumerable.Range(window.Start, verdict.Accepted).Select(i => window[i]));
            noisy += left.Count(step => step > 0);
        });
        Assert.True(noisy > 50, $"{noisy} slots were noise");
    }

    [Theory]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void Behind_a_rejection_a_clean_draft_stays_if_its_probability_has_not_fallen_below_the_ratio(float ratio)
    {
        (int stayed, int redrawn) = (0, 0);
        Decode(new PublishedDenoising { DenoisingSteps = 1, KeepRatio = ratio }, (window, before, random, verdict) =>
        {
            for (int position = window.Start + verdict.Accepted + 1; position < window.End; position++)
            {
                int draft = before[position - window.Start];
                bool stays = window.Step(position) == 0 && window.P(position)[draft] >= ratio * window.Q(position)[draft];
                Assert.Equal(stays ? draft : random.Draw(window.P(position), position, Purpose.Draw), window[position]);
                (stayed, redrawn) = stays ? (stayed + 1, redrawn) : (stayed, redrawn + 1);
            }
        });
        Assert.True(stayed > 20 && redrawn > 20, $"{stayed} stayed, {redrawn} were drawn again");
    }

    /// <summary>A threshold so high that every draft behind a rejection is drawn again, which is exact.</summary>
    [Fact]
    public void Without_drafts_that_stay_the_distribution_is_that_of_the_model()
    {
        var method = new PublishedDenoising { DenoisingSteps = 2, KeepRatio = float.MaxValue };
        GoodnessOfFit fit = Scenario.Plain.Test(() => Scenario.Plain.CreateDecoder(method, new FixedWindow(6)), 200_000);
        Assert.True(fit.Z < GoodnessOfFit.Limit, fit.ToString());
    }

    [Fact]
    public void The_methods_with_equal_options_are_equal()
    {
        Assert.Equal(new PublishedDenoising { DenoisingSteps = 25 }, new PublishedDenoising().WithSteps(25));
        Assert.NotEqual(new PublishedDenoising { KeepRatio = 0.4f }, new PublishedDenoising());
    }

    private static IEnumerable<int> Codes(Window window) =>
        Enumerable.Range(window.Start, window.Drafts).Where(position => !window.Layout.IsForced(position));

    private static void Decode(PublishedDenoising method, Inspection inspect)
    {
        var decoder = new Decoder(Layout, new Inspected(method, inspect), new SamplingOptions(), new FixedWindow(9));
        for (uint image = 0; image < 20; image++)
            decoder.Decode(new ToyModel(Layout) { ContextEffect = 0.7f }, new Randomness(Seed: 5, image));
    }

    /// <param name="before">The drafts as the pass read them.</param>
    private delegate void Inspection(Window window, int[] before, PassRandom random, Verdict verdict);

    /// <summary>Shows the window right after the method has verified its drafts.</summary>
    private sealed class Inspected(PublishedDenoising method, Inspection inspect) : IDenoisingMethod
    {
        public MethodDescriptor Descriptor => PublishedDenoising.Descriptor;

        public int? DenoisingSteps => method.DenoisingSteps;

        public bool HasTimesteps => true;

        public IDenoisingMethod WithSteps(int steps) => throw new NotSupportedException("The number of steps is that of the method.");

        public Verdict Verify(Window window, PassRandom random)
        {
            int[] before = [.. Enumerable.Range(window.Start, window.Drafts).Select(position => window[position])];
            var q = new List<float[]>();
            for (int position = window.Start; position < window.End; position++)
                q.Add(window.Q(position).ToArray());
            Verdict verdict = method.Verify(window, random);
            for (int position = window.Start; position < window.End; position++) // a rejection overwrites q
                q[position - window.Start].CopyTo(window.Q(position));
            if (window.Drafts > 0)
                inspect(window, before, random, verdict);
            return verdict;
        }

        public void Redraft(Window window, PassRandom random) => method.Redraft(window, random);
    }
}
