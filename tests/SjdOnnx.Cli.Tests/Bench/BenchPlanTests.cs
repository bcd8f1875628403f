using SjdOnnx.Cli.Bench;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Tests.Bench;

public class BenchPlanTests
{
    [Fact]
    public void Every_precision_batch_method_and_window_has_a_cell_and_the_baseline_comes_first()
    {
        BenchPlan plan = Of(Measurements.Options with { Batches = [1, 2] }, "fp32", "int8");

        Assert.Equal(
            [
                .. from precision in new[] { "fp32", "int8" }
                   from batch in new[] { 1, 2 }
                   from cell in new[] { ("ar", 0), ("sjd", 4), ("sjd", 16), ("mc", 4), ("mc", 16) }
                   select (precision, batch, cell.Item1, (WindowSize)cell.Item2)
            ],
            plan.Cells.Select(cell => (cell.Precision, cell.Batch, cell.Method, cell.Window)));
        Assert.All(plan.Cells, cell => Assert.True(cell.IsExact));
    }

    [Fact]
    public void A_method_without_drafts_has_one_cell_whatever_the_windows_and_first_guesses()
    {
        BenchPlan plan = Of(Measurements.Options with { Methods = ["sjd", "ar"], Initialisations = ["uniform", "repeat-left"] }, "fp32");

        BenchCell baseline = Assert.Single(plan.Cells, cell => cell.IsBaseline);
        Assert.Equal((0, null), (baseline.Window, baseline.Initialisation));
        Assert.Equal(
            [("uniform", 4), ("uniform", 16), ("repeat-left", 4), ("repeat-left", 16)],
            plan.Cells.Skip(1).Select(cell => (cell.Initialisation, cell.Window)));
    }

    [Fact]
    public void A_method_with_a_tree_draws_one_picture_at_a_time()
    {
        BenchPlan plan = Of(Measurements.Options with { Methods = ["pac"], Windows = [4], Batches = [1, 2] }, "fp32");

        Assert.Equal([("ar", 1), ("pac", 1), ("ar", 2)], plan.Cells.Select(cell => (cell.Method, cell.Batch)));
    }

    [Fact]
    public void Denoising_steps_are_cells_of_methods_that_read_noise_where_the_window_has_room()
    {
        BenchPlan plan = Of(Measurements.Options with { Methods = ["sjd2", "mc"], Windows = [2, 4], DenoisingSteps = [1, 4] }, "fp32");

        Assert.Equal(
            [("ar", 0), ("sjd2, 1 step", 2), ("sjd2, 1 step", 4), ("sjd2, 4 steps", 4), ("mc", 2), ("mc", 4)],
            plan.Cells.Select(cell => (cell.Name, cell.Window.Drafts!.Value)));
        Assert.Equal(("sjd2, 4 steps", 2), (Assert.Single(plan.WithoutRoom).Name, plan.WithoutRoom[0].Window.Drafts!.Value));
        Assert.Equal([("ar", null), ("sjd2", null)],
            Of(Measurements.Options with { Methods = ["sjd2"], Windows = [2] }, "fp32").Cells.Select(cell => (cell.Name, cell.DenoisingSteps)));
    }

    [Fact]
    public void Each_picture_of_each_prompt_has_a_seed_of_its_own()
    {
        BenchPlan plan = Of(Measurements.Options with { Repeats = 3, Seed = ulong.MaxValue - 1 }, "fp32");

        BenchPicture[] pictures = [.. plan.Turns.SelectMany(turn => turn)];
        Assert.Equal([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)], pictures.Select(picture => (picture.Prompt, picture.Repeat)));
        Assert.Equal([ulong.MaxValue - 1, ulong.MaxValue, 0ul, 1, 2, 3], pictures.Select(picture => picture.Seed));
    }

    [Theory]
    [InlineData(new[] { 1 }, new[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData(new[] { 1, 4, 2 }, new[] { 4, 4, 4, 2 })]
    [InlineData(new[] { 2, 3 }, new[] { 6, 6, 2 })]
    [InlineData(new[] { 61, 62, 63, 64 }, new[] { 14 })]
    public void Every_batch_divides_into_a_turn(int[] batches, int[] sizes) =>
        Assert.Equal(sizes, Of(Measurements.Options with { Batches = batches, Repeats = 7 }, "fp32").Turns.Select(turn => turn.Count));

    private static BenchPlan Of(BenchOptions options, params string[] precisions) => BenchPlan.Of(options, precisions, "uniform");
}
