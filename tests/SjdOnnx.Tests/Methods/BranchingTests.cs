using SjdOnnx.Methods;

namespace SjdOnnx.Tests.Methods;

public sealed class BranchingTests
{
    [Theory]
    [InlineData("4", 4)]
    [InlineData("3x3", 3, 3)]
    [InlineData("1", 1)]
    [InlineData("32x1x2", 32, 1, 2)]
    public void A_branching_is_written_as_numbers_joined_by_x(string text, params int[] candidates)
    {
        Branching branching = Branching.Parse(text);

        Assert.Equal(candidates, Enumerable.Range(0, branching.Depth).Select(depth => branching[depth]));
        Assert.Equal(new Branching(candidates), branching);
        Assert.Equal(text, branching.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("3x")]
    [InlineData("3 x 3")]
    [InlineData("3X3")]
    [InlineData("-3")]
    [InlineData("+3")]
    [InlineData("0")]
    [InlineData("33")]
    [InlineData("4294967297")] // 2³² + 1
    [InlineData("4x8x31")] // 1025 codes beside the drafts
    [InlineData("2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2x2")] // 2³³ paths
    [InlineData(null)]
    public void Text_that_is_no_branching_is_refused_with_a_sentence(string? text)
    {
        Assert.False(Branching.TryParse(text, out Branching none));
        Assert.Equal(default, none);

        var error = Assert.Throws<FormatException>(() => Branching.Parse(text!));
        Assert.Equal(
            $"'{text}' is no branching; it must be numbers from 1 to 32 joined by x, with at most 1024 codes beside the drafts.",
            error.Message);
    }

    [Fact]
    public void Branchings_with_the_same_candidates_are_equal()
    {
        Assert.Equal(new Branching(3, 2), new Branching(3, 2));
        Assert.Equal(new Branching(3, 2).GetHashCode(), new Branching(3, 2).GetHashCode());
        Assert.NotEqual(new Branching(3, 2), new Branching(2, 3));
        Assert.NotEqual(new Branching(3), new Branching(3, 1));
        Assert.True(new Branching(3, 2) == Branching.Parse("3x2"));
    }

    [Fact]
    public void The_default_branching_is_no_tree()
    {
        Branching none = default;

        Assert.Equal(0, none.Depth);
        Assert.Equal(0, none.CountBranches(16));
        Assert.Equal("1", none.ToString());
        Assert.Equal(none, new Branching());
        Assert.Equal(none.GetHashCode(), new Branching().GetHashCode());
    }

    [Theory]
    [InlineData("1 to 32 candidates", 3, 0)]
    [InlineData("1 to 32 candidates", 33)]
    [InlineData("1 to 32 candidates", -1)]
    [InlineData("more than 1024 codes", 32, 32)]
    [InlineData("more than 1024 codes", 4, 8, 31)]
    public void Candidates_out_of_range_are_refused_with_a_sentence(string sentence, params int[] candidates)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new Branching(candidates));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Counting_the_branches_of_a_deep_tree_does_not_overflow()
    {
        int[] candidates = [.. Enumerable.Repeat(32, 40)];

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new Branching(candidates));
        Assert.Contains("more than 1024 codes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(16, 2, 3)]
    [InlineData(16, 10, 3, 3)]
    [InlineData(16, 9, 4, 1, 1)]
    [InlineData(16, 1024, 13, 3, 25)]
    [InlineData(1, 2, 3, 3)] // no deeper than the window
    [InlineData(0, 0, 3, 3)]
    public void A_tree_counts_its_codes_beside_the_drafts(int drafts, int branches, params int[] candidates)
    {
        Assert.Equal(branches, new Branching(candidates).CountBranches(drafts));
        Assert.Equal(branches, new ProactiveDrafting { Branching = new Branching(candidates) }.MaxBranches(drafts));
    }
}
