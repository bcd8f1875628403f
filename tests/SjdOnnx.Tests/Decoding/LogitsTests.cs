using SjdOnnx.Decoding;

namespace SjdOnnx.Tests.Decoding;

public sealed class LogitsTests
{
    private static readonly float[] Conditional = [1, 2, 3, 4, 5, 6];
    private static readonly float[] Unconditional = [-1, -2, -3, -4, -5, -6];

    [Fact]
    public void Both_lanes_are_read_row_by_row()
    {
        var logits = new Logits(Conditional, Unconditional, codes: 3);

        Assert.Equal(2, logits.Rows);
        Assert.Equal([4, 5, 6], logits.Conditional(1).ToArray());
        Assert.Equal([-1, -2, -3], logits.Unconditional(0).ToArray());
    }

    [Fact]
    public void Without_an_unconditional_lane_its_rows_are_empty()
    {
        var logits = new Logits(Conditional, [], codes: 2);

        Assert.Equal(3, logits.Rows);
        Assert.True(logits.Unconditional(2).IsEmpty);
    }

    [Fact]
    public void Lanes_that_do_not_fit_are_refused_with_a_sentence()
    {
        Assert.Contains("6 logits are not a whole number of rows of 4 codes.", Error([], codes: 4), StringComparison.Ordinal);
        Assert.Contains("has 3 logits, the conditional one 6.", Error([7, 8, 9], codes: 3), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Logits(Conditional, [], codes: 0).Rows);
    }

    private static string Error(float[] unconditional, int codes) =>
        Assert.Throws<ArgumentException>(() => new Logits(Conditional, unconditional, codes).Rows).Message;
}
