using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Decoding;

namespace SjdOnnx.Runtime.Tests.Decoding;

public class TreeTests
{
    /// <summary>
    /// Eight drafts after the committed code; in the place of the third two others, the first of which goes on in two ways.
    /// </summary>
    private static readonly int[] Parents = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 2, 2, 9, 9];

    private const int Chain = 9;

    [ModelTheory]
    [InlineData("fp32", 1e-4f)]
    [InlineData("int8", 1e-4f)]
    public void A_branch_says_what_its_path_says_alone(string precision, float tolerance)
    {
        using var model = new OpenModel(precision);
        int[] ids = Ids(model);
        (float[][] conditional, float[][] unconditional) = RowsOf(model, ids, Parents);
        for (var node = Chain; node < ids.Length; node++)
        {
            int[] path = Path(node);
            (float[][] alone, float[][] aloneUnconditional) = RowsOf(model, [.. path.Select(i => ids[i])], []);
            AssertNear(alone[^1], conditional[node], tolerance);
            AssertNear(aloneUnconditional[^1], unconditional[node], tolerance);
        }
    }

    /// <summary>So that a method may put branches beside its drafts, or not, without changing what becomes of these.</summary>
    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void Branches_leave_the_rows_of_the_drafts_as_they_are_to_the_bit(string precision)
    {
        using var model = new OpenModel(precision);
        int[] ids = Ids(model);
        (float[][] with, _) = RowsOf(model, ids, Parents);
        (float[][] without, _) = RowsOf(model, ids[..Chain], []);
        Assert.Equal(without, with[..Chain]);
    }

    /// <summary>A chain is a tree too; but passes without branches go through the graph of chains.</summary>
    [ModelFact]
    public void A_chain_described_as_a_tree_is_the_same_to_the_bit()
    {
        using var model = new OpenModel();
        int[] ids = Ids(model)[..Chain];
        Assert.Equal(RowsOf(model, ids, []).Conditional, RowsOf(model, ids, Parents[..Chain]).Conditional);
    }

    [ModelFact]
    public void After_a_tree_the_cache_is_that_of_the_drafts_that_stood()
    {
        using var model = new OpenModel();
        PromptedTransformer tree = Start(model);
        int[] ids = Ids(model);
        int[] next = [.. Enumerable.Range(4, 6).Select(model.Committed)];
        tree.ForwardTree(ids, 1, Parents);
        tree.Truncate(4);
        float[] actual = OpenModel.Conditional(tree.Forward(next, 1), 0);

        PromptedTransformer fresh = Start(model);
        fresh.Forward(ids.AsSpan(0, 4), 1);
        Assert.Equal(OpenModel.Conditional(fresh.Forward(next, 1), 0), actual);
    }

    [ModelFact]
    public void A_pass_over_a_tree_allocates_nothing_once_its_shape_is_known()
    {
        using var model = new OpenModel();
        PromptedTransformer tree = Start(model);
        int[] ids = Ids(model);
        Assert.Equal(0, Allocations.Least(() =>
        {
            tree.ForwardTree(ids, ids.Length, Parents);
            tree.Truncate(0);
        }));
    }

    private static int[] Ids(OpenModel model) =>
        [.. Enumerable.Range(0, Chain).Select(model.Committed), .. Enumerable.Range(100, Parents.Length - Chain).Select(model.Code)];

    private static PromptedTransformer Start(OpenModel model)
    {
        PromptedTransformer prompted = model.Transformer.With(model.Prompt(), model.Layout, Chain - 1, Parents.Length - Chain);
        prompted.Prefill();
        return prompted;
    }

    private static (float[][] Conditional, float[][] Unconditional) RowsOf(OpenModel model, int[] ids, int[] parents)
    {
        Logits logits = Start(model).ForwardTree(ids, ids.Length, parents);
        var rows = (Conditional: new float[ids.Length][], Unconditional: new float[ids.Length][]);
        for (var row = 0; row < ids.Length; row++)
            (rows.Conditional[row], rows.Unconditional[row]) = (logits.Conditional(row).ToArray(), logits.Unconditional(row).ToArray());
        return rows;
    }

    private static int[] Path(int node)
    {
        var path = new List<int>();
        for (int at = node; at >= 0; at = Parents[at])
            path.Insert(0, at);
        return [.. path];
    }

    private static void AssertNear(float[] expected, float[] actual, float tolerance)
    {
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}
