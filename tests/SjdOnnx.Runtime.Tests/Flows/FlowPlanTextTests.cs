using System.Text;
using SjdOnnx.Flows;

namespace SjdOnnx.Runtime.Tests.Flows;

public class FlowPlanTextTests
{
    [Fact]
    public void A_plan_is_read_as_it_was_written()
    {
        FlowPlan plan = new()
        {
            Blocks =
            [
                BlockPlan.Sequential,
                new BlockPlan
                {
                    Segments = 8, MaxUpdates = 32, Tolerance = 1e-6, Measure = ChangeMeasure.Norm, Guess = InitialGuess.Zeros,
                    Commit = CacheCommit.Refresh, Limit = 3, SkipsSettled = false,
                },
            ],
        };
        FlowPlan read = FlowPlanText.Parse(Encoding.UTF8.GetBytes(FlowPlanText.Format(plan)));
        Assert.Equal(plan.Blocks, read.Blocks);
        Assert.Contains("\"guess\": \"zeros\"", FlowPlanText.Format(plan), StringComparison.Ordinal);
    }

    [Fact]
    public void Fields_that_are_left_out_have_their_defaults()
    {
        FlowPlan plan = FlowPlanText.Parse("\uFEFF{\"blocks\": [{}, {\"segments\": 4}]}"u8);
        Assert.Equal([new BlockPlan(), new BlockPlan { Segments = 4 }], plan.Blocks);
    }

    [Theory]
    [InlineData("{\"blocks\": [{\"segments\": -1}]}", "Segments must be 0")]
    [InlineData("{\"blocks\": [{\"maxUpdates\": 0}]}", "MaxUpdates must be 1 or more")]
    [InlineData("{\"blocks\": [{\"tolerance\": -1}]}", "Tolerance must be a finite number, 0 or more")]
    [InlineData("{\"blocks\": [{\"limit\": 0}]}", "Limit must be above 0")]
    [InlineData("{\"blocks\": [{\"guess\": \"ones\"}]}", "The plan is not legal in line 1")]
    [InlineData("{\"blocks\": [{\"segment\": 1}]}", "segment")]
    [InlineData("{\"blocks\": []}", "Blocks must hold a plan for each block")]
    [InlineData("{\"blocks\": [null]}", "Blocks must hold a plan for each block")]
    [InlineData("{}", "blocks")]
    [InlineData("null", "The plan is null.")]
    [InlineData("[1", "The plan is not legal")]
    public void Text_that_is_no_plan_is_refused_with_a_sentence(string json, string because)
    {
        FormatException error = Assert.Throws<FormatException>(() => FlowPlanText.Parse(Encoding.UTF8.GetBytes(json)));
        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", error.Message, StringComparison.Ordinal);
    }
}
