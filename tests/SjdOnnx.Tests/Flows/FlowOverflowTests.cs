using SjdOnnx.Flows;

namespace SjdOnnx.Tests.Flows;

public class FlowOverflowTests
{
    private static BlockPlan Exact { get; } = new() { Tolerance = 0 };

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void An_iteration_that_overflows_begins_again_from_the_other_guess(int segments)
    {
        FlowResult result = Sample(new Explosive(Overflow.FromNoise), Exact with { Segments = segments, Guess = InitialGuess.Noise });
        Assert.Equal((segments, 0), (result.Blocks[0].Restarts, result.Blocks[0].Fallbacks));
        Assert.Equal(Solution(), result.Tokens);
    }

    [Fact]
    public void An_iteration_that_overflows_from_both_guesses_is_solved_one_token_after_another()
    {
        FlowResult result = Sample(new Explosive(Overflow.SideBySide), Exact with { Segments = 4 });
        Assert.Equal((4, 4), (result.Blocks[0].Restarts, result.Blocks[0].Fallbacks));
        Assert.Equal(Solution(), result.Tokens);
        Assert.Equal([1, 1, 1, 1], result.Blocks[0].Updates);
        Assert.Equal(8 + ToyBlock.Count - 1, result.Passes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_block_without_a_finite_solution_is_an_error_that_names_it(int segments)
    {
        FlowOverflowException error = Assert.Throws<FlowOverflowException>(
            () => Sample(new Explosive(Overflow.Always), Exact with { Segments = segments }));
        Assert.StartsWith("Block 0 overflowed at token 2 of 16, and one token after another too", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_limit_does_not_hide_numbers_that_are_not_finite()
    {
        FlowResult result = Sample(new Explosive(Overflow.SideBySide, isNaN: true), Exact with { Limit = 3 });
        Assert.Equal((1, 1), (result.Blocks[0].Restarts, result.Blocks[0].Fallbacks));
        Assert.Equal(Solution(), result.Tokens);
    }

    private static FlowResult Sample(IFlowBlock block, BlockPlan plan) =>
        new FlowSampler([block], [false]).Sample(SmallNoise(), FlowPlan.All(1, plan));

    private static float[] Solution() =>
        new FlowSampler([new ToyBlock(gain: 0.2f)], [false]).Sample(SmallNoise(), FlowPlan.Sequential(1)).Tokens;

    private static float[] SmallNoise() => [.. ToyBlock.Noise().Select(static number => 0.4f * number)];

    private enum Overflow
    {
        /// <summary>Where all inputs but the first are those of the noise.</summary>
        FromNoise,

        /// <summary>In runs of several tokens.</summary>
        SideBySide,

        Always,
    }

    private sealed class Explosive(Overflow when, bool isNaN = false) : ToyBlock(gain: 0.2f)
    {
        public override void Run(
            int first, ReadOnlySpan<float> rows, Span<float> scale, Span<float> shift, CancellationToken cancellation)
        {
            base.Run(first, rows, scale, shift, cancellation);
            bool overflows = when switch
            {
                Overflow.FromNoise => rows.Length > Channels && SmallNoise().AsSpan().IndexOf(rows[Channels..]) >= 0,
                Overflow.SideBySide => rows.Length > Channels,
                _ => true,
            };
            if (overflows)
                scale.Fill(isNaN ? float.NaN : 200); // exp(200) is beyond single precision
        }
    }
}
