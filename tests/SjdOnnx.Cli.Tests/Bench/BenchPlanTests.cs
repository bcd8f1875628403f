using SjdOnnx.Cli.Bench;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchPlanTests
{
    [Fact]
    public void Every_precision_batch_method_and_window_has_a_cell_and_the_baseline_comes_first()
    {
        BenchPlan plan = Of(SampleResults.Options with { Batches = [1, 2] }, Precision.Fp32, Precision.Int8);

        Assert.Equal(
            [
                .. from precision in new[] { Precision.Fp32, Precision.Int8 }
                   from batch in new[] { 1, 2 }
                   from cell in new[] { ("ar", 0), ("sjd", 4), ("sjd", 16), ("mc", 4), ("mc", 16) }
                   select (precision, batch, cell.Item1, (WindowSize)cell.Item2)
            ],
            plan.Cells.Select(cell => (cell.Precision, cell.Batch, cell.Name, cell.Window)));
    }

    [Fact]
    public void A_method_without_drafts_has_one_cell_for_all_windows_and_first_guesses()
    {
        BenchPlan plan = Of(SampleResults.Options with
        {
            Methods = [SpeculativeJacobi.Descriptor, Autoregressive.Descriptor],
            Initializations = [Initialization.Uniform, Initialization.RepeatLeft],
        });

        BenchCell baseline = Assert.Single(plan.Cells, cell => cell.IsBaseline);
        Assert.Equal((0, null), (baseline.Window, baseline.Initialization));
        Assert.Equal(
            [("uniform", 4), ("uniform", 16), ("repeat-left", 4), ("repeat-left", 16)],
            plan.Cells.Skip(1).Select(cell => (cell.Initialization?.Name, cell.Window)));
    }

    [Fact]
    public void A_method_with_a_tree_draws_one_image_at_a_time()
    {
        BenchPlan plan = Of(SampleResults.Options with { Methods = [ProactiveDrafting.Descriptor], Windows = [4], Batches = [1, 2] });

        Assert.Equal([("ar", 1), ("pac", 1), ("ar", 2)], plan.Cells.Select(cell => (cell.Name, cell.Batch)));
    }

    [Fact]
    public void Every_value_of_a_methods_option_is_a_cell_of_that_method_alone()
    {
        BenchPlan plan = Of(SampleResults.Options with
        {
            Methods = [GroupedAcceptance.Descriptor, MaximalCoupling.Descriptor],
            MethodValues = SampleResults.Values(("group-size", ["3", "9"]), ("group-tolerance", ["0.1", "0.2"])),
            Windows = [4],
        });

        Assert.Equal(
            ["ar", "gsd, group-size 3, group-tolerance 0.1", "gsd, group-size 3, group-tolerance 0.2",
                "gsd, group-size 9, group-tolerance 0.1",
                "gsd, group-size 9, group-tolerance 0.2", "mc"],
            plan.Cells.Select(cell => cell.Name));
        Assert.Equal(new GroupedAcceptance { GroupSize = 9, GroupTolerance = 0.2f }, plan.Cells[4].Method);
        Assert.Equal(new MaximalCoupling(), plan.Cells[5].Method);
    }

    [Fact]
    public void An_option_of_a_method_that_does_not_take_part_is_refused()
    {
        MethodValues values = SampleResults.Values(("group-size", ["3"]));

        values.CheckFor(MaximalCoupling.Descriptor, GroupedAcceptance.Descriptor);
        var error = Assert.Throws<CommandException>(() => values.CheckFor(MaximalCoupling.Descriptor, SpeculativeJacobi.Descriptor));
        Assert.Equal((ExitCode.Usage, "--group-size is an option of gsd; the methods are mc, sjd."), (error.ExitCode, error.Message));
    }

    [Fact]
    public void Each_image_of_each_prompt_has_its_own_seed()
    {
        BenchPlan plan = Of(SampleResults.Options with { Repeats = 3, Seed = ulong.MaxValue - 1 });

        BenchImage[] images = [.. plan.Turns.SelectMany(turn => turn)];
        Assert.Equal([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)], images.Select(image => (image.Prompt, image.Repeat)));
        Assert.Equal([ulong.MaxValue - 1, ulong.MaxValue, 0ul, 1, 2, 3], images.Select(image => image.Seed));
    }

    [Theory]
    [InlineData(new[] { 1 }, new[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData(new[] { 1, 4, 2 }, new[] { 4, 4, 4, 2 })]
    [InlineData(new[] { 2, 3 }, new[] { 6, 6, 2 })]
    [InlineData(new[] { 61, 62, 63, 64 }, new[] { 14 })]
    public void Every_batch_divides_into_a_turn(int[] batches, int[] sizes) =>
        Assert.Equal(sizes, Of(SampleResults.Options with { Batches = batches, Repeats = 7 }).Turns.Select(turn => turn.Count));

    private static BenchPlan Of(BenchOptions options, params Precision[] precisions) =>
        BenchPlan.Of(options, precisions is [] ? [Precision.Fp32] : precisions, Initialization.Uniform);
}
