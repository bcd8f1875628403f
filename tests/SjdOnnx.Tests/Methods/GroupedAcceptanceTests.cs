using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

public sealed class GroupedAcceptanceTests
{
    private const int Codes = 30;
    private static readonly TokenLayout Layout = new() { Rows = 1, Columns = 3, FirstCode = 0, Codes = Codes };

    [Theory]
    [InlineData(2, 1)]
    [InlineData(6, 1)]
    [InlineData(7, 1)]
    [InlineData(6, 0.01)]
    [InlineData(100, 0.02)]
    [InlineData(100, 0)]
    public void A_draft_stands_as_often_as_its_group_allows(int groupSize, float tolerance)
    {
        float[] p = Random(seed: 1);
        float[] q = Random(seed: 2);
        p[3] = p[8] = p[11]; // a tie
        var method = new GroupedAcceptance { GroupSize = groupSize, GroupTolerance = tolerance };
        foreach (int draft in new[] { 0, 3, 8, Array.IndexOf(p, p.Max()), Array.IndexOf(p, p.Min()) })
        {
            int[] group = Group(p, draft, groupSize, tolerance);
            double expected = Math.Min(1, group.Sum(code => p[code]) / group.Sum(code => q[code]));

            const int draws = 4000;
            int stood = Enumerable.Range(0, draws).Count(image => Stands(method, p, q, draft, (uint)image));

            double sigma = Math.Sqrt(expected * (1 - expected) / draws);
            Assert.InRange(stood / (double)draws, expected - (5 * sigma) - 1e-9, expected + (5 * sigma) + 1e-9);
        }
    }

    // the paper's definition: sort by p, take half of the neighbors on each side, leave out those whose p differs too much
    private static int[] Group(float[] p, int draft, int size, float tolerance)
    {
        int[] order = [.. Enumerable.Range(0, Codes).OrderBy(code => p[code]).ThenBy(code => code)];
        int at = Array.IndexOf(order, draft);
        int side = size / 2;
        IEnumerable<int> neighbors = order[Math.Max(0, at - side)..Math.Min(Codes, at + side + 1)];
        return [.. neighbors.Where(code => Math.Abs(p[code] - p[draft]) <= tolerance)];
    }

    private static bool Stands(GroupedAcceptance method, float[] p, float[] q, int draft, uint image)
    {
        var window = new Window(Layout, size: 1);
        window.Commit(new Verdict(0, 0));
        window.Open(1);
        q.CopyTo(window.Q(1));
        window[1] = draft;
        p.CopyTo(window.PredictionRow(0));
        p.CopyTo(window.PredictionRow(1));
        return method.Verify(window, new Randomness(6, image).At(1)).Accepted == 1;
    }

    private static float[] Random(ulong seed)
    {
        PassRandom random = new Randomness(seed).At(0);
        double[] weights = [.. Enumerable.Range(0, Codes).Select(code => Math.Pow(random.Uniform(code, Purpose.Draw), 2))];
        return [.. weights.Select(weight => (float)(weight / weights.Sum()))];
    }
}
