using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

public class TreeTests
{
    /// <summary>
    /// Eight drafts after the committed code, and two branches beside the third draft, the first of which has two children.
    /// </summary>
    private static readonly int[] Parents = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 2, 2, 9, 9];

    private const int Chain = 9;

    [ModelTheory]
    [InlineData("fp32", 1e-4f)]
    [InlineData("int8", 1e-4f)]
    public void The_logits_of_a_branch_are_those_of_its_path_read_alone(string name, float tolerance)
    {
        using var model = new OpenModel(Precision.Parse(name));
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

    /// <summary>So a method may add branches to its drafts without changing what is decided about the drafts.</summary>
    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void Branches_do_not_change_the_logits_of_the_drafts(string name)
    {
        using var model = new OpenModel(Precision.Parse(name));
        int[] ids = Ids(model);
        (float[][] with, _) = RowsOf(model, ids, Parents);
        (float[][] without, _) = RowsOf(model, ids[..Chain], []);
        Assert.Equal(without, with[..Chain]);
    }

    /// <summary>A chain is also a tree, but passes without branches use the graph for chains.</summary>
    [ModelFact]
    public void A_chain_described_as_a_tree_has_the_same_logits()
    {
        using var model = new OpenModel();
        int[] ids = Ids(model)[..Chain];
        Assert.Equal(RowsOf(model, ids, []).Conditional, RowsOf(model, ids, Parents[..Chain]).Conditional);
    }

    [ModelFact]
    public void After_a_pass_over_a_tree_the_cache_holds_the_accepted_drafts()
    {
        using var model = new OpenModel();
        PromptedTransformer tree = Start(model);
        int[] ids = Ids(model);
        int[] next = [.. Enumerable.Range(4, 6).Select(model.Committed)];
        model.Forward(tree, ids, 1, Parents);
        tree.Truncate(4);
        float[] actual = OpenModel.Conditional(model.Forward(tree, next, 1), 0);

        PromptedTransformer fresh = Start(model);
        model.Forward(fresh, ids.AsSpan(0, 4), 1);
        Assert.Equal(OpenModel.Conditional(model.Forward(fresh, next, 1), 0), actual);
    }

    [ModelFact]
    public void A_pass_over_a_tree_of_a_known_shape_allocates_nothing()
    {
        using var model = new OpenModel();
        PromptedTransformer tree = Start(model);
        int[] ids = Ids(model);
        Assert.Equal(0, Allocations.Least(() =>
        {
            model.Forward(tree, ids, ids.Length, Parents);
            tree.Truncate(0);
        }));
    }

    private static int[] Ids(OpenModel model) =>
        [.. Enumerable.Range(0, Chain).Select(model.Committed), .. Enumerable.Range(100, Parents.Length - Chain).Select(model.Code)];

    private static PromptedTransformer Start(OpenModel model)
    {
        PromptedTransformer prompted = model.With(model.Prompt(), Chain - 1, Parents.Length - Chain);
        model.Prefill(prompted);
        return prompted;
    }

    private static (float[][] Conditional, float[][] Unconditional) RowsOf(OpenModel model, int[] ids, int[] parents)
    {
        Logits logits = model.Forward(Start(model), ids, ids.Length, parents);
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
