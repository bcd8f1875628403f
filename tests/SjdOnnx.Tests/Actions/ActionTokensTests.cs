using SjdOnnx.Actions;

namespace SjdOnnx.Tests.Actions;

public class ActionTokensTests
{
    private static readonly ActionTokens OpenVla = new(
        32000, [-1, -0.5, 0, 0], [1, 0.5, 2, 1], [true, true, true, false], GripperConvention.None);

    [Theory]
    [InlineData(-1, 31999)] // below the second edge: bin 1
    [InlineData(1, 31744)] // the last edge: bin 256
    [InlineData(0, 31872)] // bin 128, the middle interval
    [InlineData(-7, 31999)]
    [InlineData(7, 31744)]
    public void Values_become_the_ids_of_numpys_digitize(double value, int id) => Assert.Equal(id, OpenVla.Encode([value, 0, 0, 0])[0]);

    [Theory]
    [InlineData(31999, -1 + (1 / 255.0))]
    [InlineData(31872, 0)]
    [InlineData(31745, 1 - (1 / 255.0))]
    [InlineData(31744, 1 - (1 / 255.0))] // the last bin has no interval of its own
    [InlineData(5, 1 - (1 / 255.0))] // ids of text count as the nearest bin
    [InlineData(32010, -1 + (1 / 255.0))]
    public void Ids_become_the_middles_of_their_intervals(int id, double value) =>
        Assert.Equal(value, OpenVla.Decode([id, 31872, 31872, 31872])[0][0], 12);

    [Fact]
    public void Scaled_dimensions_have_their_ranges_and_masked_ones_are_left_alone()
    {
        double[] action = OpenVla.Decode([31872, 31999, 31745, 31999])[0];
        Assert.Equal(-0.5 + (0.5 / 255), action[1], 12);
        Assert.Equal(2 - (1 / 255.0), action[2], 12);
        Assert.Equal(-1 + (1 / 255.0), action[3], 12);
    }

    [Fact]
    public void Every_id_of_a_bin_comes_back_from_its_value_but_the_last_which_shares_an_interval()
    {
        for (int id = 31745; id < 32000; id++)
            Assert.Equal(id, OpenVla.Encode(OpenVla.Decode([id, id, id, id])[0])[1]);
        Assert.Equal(31745, OpenVla.Encode(OpenVla.Decode([31744, 31744, 31744, 31744])[0])[0]);
    }

    [Fact]
    public void Liberos_gripper_is_1_for_closed_and_minus_1_for_open()
    {
        var libero = new ActionTokens(32000, [-1, 0], [1, 1], [true, false], GripperConvention.Libero);
        Assert.Equal(-1, libero.Decode([31872, 31744])[0][1]); // the model says 1: open
        Assert.Equal(1, libero.Decode([31872, 31872])[0][1]); // the model says 0: closed
        Assert.Equal(31744, libero.Encode([0, -1])[1]);
        Assert.Equal(31872, libero.Encode([0, 1])[1]);
    }

    [Fact]
    public void Several_actions_are_cut_by_their_dimensions()
    {
        Assert.Equal(2, OpenVla.Decode([.. Enumerable.Repeat(31872, 8)]).Length);
        Assert.Throws<ArgumentException>(() => OpenVla.Decode([1, 2, 3]));
    }

    [Fact]
    public void Ranges_that_are_empty_or_of_different_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new ActionTokens(32000, [1], [1], [true], GripperConvention.None));
        Assert.Throws<ArgumentException>(() => new ActionTokens(32000, [0], [double.NaN], [true], GripperConvention.None));
        Assert.Throws<ArgumentException>(() => new ActionTokens(32000, [0, 0], [1], [true], GripperConvention.None));
        Assert.Throws<ArgumentException>(() => OpenVla.Encode([0, double.NaN, 0, 0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ActionTokens(200, [0], [1], [true], GripperConvention.None));
    }
}
