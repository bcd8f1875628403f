using SjdOnnx.Decoding;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Decoding;

public sealed class InitializationTests
{
    private const int Codes = 5;
    private static readonly TokenLayout Layout = new() { Rows = 2, Columns = 3, FirstCode = 0, Codes = Codes, RowSuffix = [9] };
    private static readonly float[] Predicted = [0.1f, 0.2f, 0.3f, 0.4f, 0];

    [Theory]
    [InlineData("uniform")]
    [InlineData("repeat-left")]
    [InlineData("sample-left")]
    [InlineData("repeat-above")]
    public void A_first_guess_records_the_distribution_it_was_drawn_from(string name)
    {
        Window window = Fill(Initialization.Parse(name), image: 0);

        float uniform = 1f / Codes;
        float[] any = [uniform, uniform, uniform, uniform, uniform];
        float[][] expected = name switch
        {
            "repeat-left" => [PointMass(2), PointMass(2), PointMass(0), any, PointMass(window[4])],
            "sample-left" => [Predicted, Predicted, PointMass(0), any, any],
            "repeat-above" => [any, any, PointMass(0), PointMass(2), PointMass(window[1])],
            _ => [any, any, PointMass(0), any, any],
        };
        Assert.Equal(expected, Enumerable.Range(1, 5).Select(position => window.Q(position).ToArray()));
        Assert.All(Enumerable.Range(1, 5), position => Assert.True(window.Q(position)[window[position]] > 0));
    }

    [Theory]
    [InlineData("uniform")]
    [InlineData("repeat-left")]
    [InlineData("sample-left")]
    [InlineData("repeat-above")]
    public void First_guesses_follow_the_distribution_they_record(string name)
    {
        var counts = new long[Codes];
        double[] recorded = [];
        for (uint image = 0; image < 20_000; image++)
        {
            Window window = Fill(Initialization.Parse(name), image);
            counts[window[1]]++;
            recorded = [.. window.Q(1).ToArray().Select(q => (double)q)];
        }

        if (recorded.Max() == 1)
            Assert.Equal(20_000, counts[2]);
        else
            Assert.InRange(GoodnessOfFit.Of(counts, recorded).Z, double.NegativeInfinity, GoodnessOfFit.Limit);
    }

    [Fact]
    public void Only_slots_that_no_pass_has_predicted_get_a_first_guess()
    {
        Window window = Open(drafts: 2);
        window.Commit(new Verdict(0, Next: 4)); // the pass has predicted positions 1 to 3
        window.Open(4);
        (window[2], window[3]) = (3, 0);
        Initialization.RepeatAbove.FillFresh(window, new Randomness(7).At(1));

        Assert.Equal([3, 0, 2, 4], Enumerable.Range(2, 4).Select(position => window[position]));
    }

    [Fact]
    public void An_initialization_from_outside_the_library_is_asked_about_image_codes_only()
    {
        var asked = new List<int>();
        Window window = Fill(new Initialization("always-3", (window, position, _) =>
        {
            asked.Add(position);
            return Distribution.PointMass(window.Q(position), code: 3);
        }), image: 0);

        Assert.Equal([1, 2, 4, 5], asked); // 3 is structure
        Assert.Equal([3, 3, 0, 3, 3], Enumerable.Range(1, 5).Select(position => window[position]));
    }

    [Fact]
    public void Every_initialization_is_found_by_its_name()
    {
        Assert.All(Initialization.All, initialization =>
        {
            Assert.Same(initialization, Initialization.Parse(initialization.Name));
            Assert.Equal(initialization.Name, initialization.ToString());
        });
        Assert.Equal(["uniform", "repeat-left", "sample-left", "repeat-above"], Initialization.All.Select(known => known.Name));
    }

    [Theory]
    [InlineData("left")]
    [InlineData("Uniform")]
    [InlineData("")]
    [InlineData(null)]
    public void An_unknown_initialization_is_answered_with_the_known_ones(string? name)
    {
        Assert.False(Initialization.TryParse(name, out Initialization? none));
        Assert.Null(none);

        var error = Assert.Throws<FormatException>(() => Initialization.Parse(name!));
        Assert.Contains(
            $"'{name}'; choose one of uniform, repeat-left, sample-left, repeat-above.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_initialization_needs_a_name_and_a_guess()
    {
        Assert.Throws<ArgumentNullException>(() => new Initialization(null!, (_, _, _) => 0));
        Assert.Throws<ArgumentNullException>(() => new Initialization("mine", null!));
    }

    private static Window Fill(Initialization initialization, uint image)
    {
        Window window = Open(drafts: 5);
        initialization.FillFresh(window, new Randomness(7, image).At(0));
        return window;
    }

    // The prefill has predicted and committed position 0. The positions from 1 on are fresh; 3 is structure.
    private static Window Open(int drafts)
    {
        var window = new Window(Layout, size: 5);
        Predicted.CopyTo(window.PredictionRow(0));
        window.Commit(new Verdict(0, Next: 2));
        window.Open(drafts);
        return window;
    }

    private static float[] PointMass(int code)
    {
        var row = new float[Codes];
        row[code] = 1;
        return row;
    }
}
