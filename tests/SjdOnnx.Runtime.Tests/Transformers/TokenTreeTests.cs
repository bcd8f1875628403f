using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

public class TokenTreeTests
{
    private const float No = float.NegativeInfinity;

    [Fact]
    public void A_token_of_a_tree_sees_its_ancestors_and_itself()
    {
        var positions = new long[5];
        var bias = new float[16];
        TokenTree.Describe([-1, 0, 0, 2], cached: 7, positions, bias);

        Assert.Equal([7, 8, 8, 9, 0], positions);
        Assert.Equal([0, No, No, No, /**/ 0, 0, No, No, /**/ 0, No, 0, No, /**/ 0, No, 0, 0], bias);
    }

    [Fact]
    public void Tokens_without_a_parent_follow_the_last_cached_token()
    {
        var positions = new long[2];
        var bias = new float[4];
        TokenTree.Describe([-1, -1], cached: 3, positions, bias);

        Assert.Equal([3, 3], positions);
        Assert.Equal([0, No, No, 0], bias);
    }

    /// <summary>A committed token, then the timestep tokens of the second and the fourth token, then three more tokens.</summary>
    [Fact]
    public void A_timestep_token_sees_itself_alone_and_only_the_token_at_its_position_sees_it()
    {
        var positions = new long[6];
        var bias = new float[36];
        TokenTree.DescribeChain(6, [1, 3], cached: 7, positions, bias);

        Assert.Equal([7, 8, 10, 8, 9, 10], positions);
        Assert.Equal(
            [
                0, No, No, No, No, No,
                No, 0, No, No, No, No,
                No, No, 0, No, No, No,
                0, 0, No, 0, No, No,
                0, No, No, 0, 0, No,
                0, No, 0, 0, 0, 0,
            ],
            bias);
    }
}
