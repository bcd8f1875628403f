using SjdOnnx.Decoding;

namespace SjdOnnx.Tests.Decoding;

public sealed class PassStatisticsTests
{
    private static readonly TokenLayout Layout = new() { Rows = 1, Columns = 12, FirstCode = 0, Codes = 3 };

    [Fact]
    public void The_prefill_is_not_counted()
    {
        var window = new Window(Layout, size: 4);
        window.Commit(new Verdict(0, 0));

        Assert.Equal(0, window.Statistics.ForwardPasses);
        Assert.Equal(0, window.Statistics.DraftsPerPass);
        Assert.Equal([0, 0, 0, 0, 0], window.Statistics.AcceptedHistogram.ToArray());
    }

    [Fact]
    public void Passes_are_counted_by_accepted_drafts()
    {
        Window window = Commit((3, 2), (4, 0), (1, 0), (0, 0));
        PassStatistics statistics = window.Statistics;

        Assert.Equal(4, statistics.ForwardPasses);
        Assert.Equal([3, 0, 1, 0, 0], statistics.AcceptedHistogram.ToArray());
        Assert.Equal((3 + 4 + 1 + 0) / 4.0, statistics.DraftsPerPass);
    }

    [Fact]
    public void Branches_do_not_count_as_drafts()
    {
        var window = new Window(Layout, size: 4, branches: 3);
        window.Commit(new Verdict(0, 0));
        window.Open(2);
        window.Branch(parent: 0, code: 1);
        window.Branch(parent: 0, code: 2);
        window.Commit(new Verdict(1, 0));

        Assert.Equal(2, window.Statistics.DraftsPerPass);
    }

    [Fact]
    public void Survival_records_image_codes_up_to_the_first_draft_that_fell()
    {
        // positions 0 to 2 and 4 to 6 are codes, 3 and 7 close the rows
        var layout = new TokenLayout { Rows = 2, Columns = 3, FirstCode = 0, Codes = 3, RowSuffix = [9] };
        var window = new Window(layout, size: 4);
        window.Commit(new Verdict(0, 0));
        window.Open(4);
        window.Commit(new Verdict(3, 0)); // the drafts at 1, 2 and 3 stood, and the one at 4 fell
        window.Open(4);
        window.Commit(new Verdict(0, 0)); // the draft at 5 fell; one pass had predicted it before

        var expected = new DraftSurvival();
        Record(expected);
        Record(expected, (0, 0, true), (1, 0, true), (3, 0, false));
        Record(expected, (0, 1, false));
        for (int slot = 0; slot < 6; slot++)
        {
            for (int age = 0; age < 6; age++)
                Assert.Equal(expected.Of(slot, age), window.Statistics.Survival.Of(slot, age));
        }

        static void Record(DraftSurvival survival, params (int Slot, int Age, bool Stood)[] drafts)
        {
            survival.NextPass();
            foreach ((int slot, int age, bool stood) in drafts)
                survival.Record(slot, age, stood);
            survival.Fit();
        }
    }

    /// <summary>A window after the prefill and after these passes.</summary>
    private static Window Commit(params (int Drafts, int Accepted)[] passes)
    {
        var window = new Window(Layout, size: 4);
        window.Commit(new Verdict(0, 0));
        foreach ((int drafts, int accepted) in passes)
        {
            window.Open(drafts);
            window.Commit(new Verdict(accepted, 0));
        }

        return window;
    }
}
