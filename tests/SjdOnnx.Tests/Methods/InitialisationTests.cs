using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

public sealed class InitialisationTests
{
    private const int Codes = 5;
    private static readonly TokenLayout Layout = new() { Rows = 2, Columns = 3, FirstCode = 0, Codes = Codes, RowSuffix = [9] };
    private static readonly float[] Predicted = [0.1f, 0.2f, 0.3f, 0.4f, 0];

    [Theory]
    [InlineData("uniform")]
    [InlineData("repeat-left")]
    [InlineData("sample-left")]
    [InlineData("repeat-above")]
    public void A_fresh_slot_records_the_law_it_was_drawn_from(string name)
    {
        Window window = Redraft(name, image: 0);

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

    [Fact]
    public void Guesses_follow_that_law()
    {
        foreach (Initialisation initialisation in Initialisation.All)
        {
            var counts = new long[Codes];
            double[] law = new double[Codes];
            for (uint image = 0; image < 20_000; image++)
            {
                Window window = Redraft(initialisation.Name, image);
                counts[window[1]]++;
                law = [.. window.Q(1).ToArray().Select(q => (double)q)];
            }

            if (law.Max() == 1)
                Assert.Equal(20_000, counts[2]);
            else
                Assert.InRange(GoodnessOfFit.Of(counts, law).Z, double.NegativeInfinity, GoodnessOfFit.Limit);
        }
    }

    // the prefill has predicted and committed position 0; 1 to 5 are fresh, of which 3 is structure
    private static Window Redraft(string name, uint image)
    {
        var window = new Window(Layout, size: 5);
        Predicted.CopyTo(window.PredictionRow(0));
        window.Commit(new Verdict(0, Next: 2));
        window.Open(5);
        JacobiDrafting.Redraft(window, Initialisation.Named(name), new Randomness(7, image).At(0));
        return window;
    }

    private static float[] PointMass(int code)
    {
        var row = new float[Codes];
        row[code] = 1;
        return row;
    }
}
