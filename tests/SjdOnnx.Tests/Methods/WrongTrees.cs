using System.Numerics.Tensors;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Tests.Methods;

/// <summary>Mistakes in the code released with SJD-PAC, arXiv:2603.18599.</summary>
internal enum TreeMistake
{
    /// <summary>No mistake: the method itself, written a second time.</summary>
    None,

    /// <summary>Siblings are drawn from the residual of their draft's test, but tested as if they had been drawn from q.</summary>
    SiblingsFromTheResidual,

    /// <summary>Of the paths that stand the longest is taken, not the first.</summary>
    TheLongestPath,

    /// <summary>Behind the path, a draft that fell is replaced as if its siblings had fallen too.</summary>
    TheLastResidualBehindThePath,

    /// <summary>When every draft stands, the code behind them is drawn from a row that no pass has written.</summary>
    ThePadRow,

    /// <summary>Siblings are drawn with replacement, but tested as if without.</summary>
    SiblingsWithReplacement,
}

/// <summary>Proactive drafting with one mistake.</summary>
internal sealed class WrongTree(Branching branching, TreeMistake mistake) : WrongMethod, ITreeMethod
{
    private readonly Dictionary<int, int[]> _candidates = []; // by position
    private readonly Dictionary<int, float[]> _residuals = [];

    public int MaxBranches(int drafts) => branching.CountBranches(drafts);

    public override Verdict Verify(Window window, PassRandom random)
    {
        _residuals.Clear();
        List<int> path = Walk(window, node: 0, random);
        int position = window.Start + path.Count - 1;
        int onChain = 0;
        while (onChain < path.Count - 1 && path[onChain] == window[window.Start + onChain])
            onChain++;

        for (int behind = position + 1; behind < window.End; behind++)
            window[behind] = SettleBehind(window, behind, random);
        if (position < window.End)
            window[window.End] = random.Draw(window.P(window.End), window.End, Purpose.Draw);
        for (int i = 0; i < path.Count - 1; i++)
            window[window.Start + i] = path[i];
        return new Verdict(path.Count - 1, path[^1]) { OnChain = onChain };
    }

    public override void Redraft(Window window, PassRandom random)
    {
        // the drafts stay as Verify left them
    }

    public void Branch(Window window, PassRandom random)
    {
        _candidates.Clear();
        List<int> parents = [0];
        for (int depth = 0; depth < Math.Min(branching.Depth, window.Drafts); depth++)
        {
            int position = window.Start + depth;
            int[] candidates = Draw(window, position, branching[depth], random);
            _candidates[position] = candidates;
            var children = new List<int>();
            foreach (int parent in parents)
            {
                foreach (int candidate in candidates.Distinct())
                    children.Add(window.Child(parent, candidate) ?? window.Branch(parent, candidate));
            }

            parents = children;
        }
    }

    /// <summary>The codes that follow a node. The last of them belongs to no node.</summary>
    private List<int> Walk(Window window, int node, PassRandom random)
    {
        int position = window.PositionOf(node) + 1;
        float[] p = window.PAfter(node).ToArray();
        if (position == window.End)
        {
            if (mistake == TreeMistake.ThePadRow && node == window.Drafts)
                Array.Fill(p, 1f / p.Length);
            return [random.Draw(p, position, Purpose.Draw)];
        }

        float[] q = window.Q(position).ToArray();
        List<int>? best = null;
        foreach (int candidate in Candidates(window, position))
        {
            if (Coin(position, node, candidate, random) * q[candidate] < p[candidate])
            {
                List<int> path = [candidate];
                if (window.Child(node, candidate) is { } child)
                    path.AddRange(Walk(window, child, random));
                if (mistake != TreeMistake.TheLongestPath)
                    return path;
                if (best is null || path.Count > best.Count)
                    best = path;
            }

            Subtract(p, q);
            q[candidate] = 0;
            Normalize(q);
        }

        return best ?? [random.Draw(p, position, Purpose.Replace)];
    }

    private int SettleBehind(Window window, int position, PassRandom random)
    {
        int draft = window[position];
        float[] p = window.P(position).ToArray();
        float[] q = window.Q(position).ToArray();
        _residuals[position] = [.. p];
        Subtract(_residuals[position], q);
        if (random.Uniform(position, Purpose.Accept) * q[draft] < p[draft])
            return draft;

        int[] candidates = mistake == TreeMistake.TheLastResidualBehindThePath ? Candidates(window, position) : [draft];
        foreach (int candidate in candidates)
        {
            Subtract(p, q);
            q[candidate] = 0;
            Normalize(q);
        }

        return random.Draw(p, position, Purpose.Replace);
    }

    private int[] Candidates(Window window, int position) =>
        _candidates.TryGetValue(position, out int[]? several) ? several : [window[position]];

    private int[] Draw(Window window, int position, int count, PassRandom random)
    {
        float[] weights = window.Q(position).ToArray();
        int[] candidates = [window[position]];
        if (mistake == TreeMistake.SiblingsFromTheResidual && _residuals.TryGetValue(position, out float[]? residual))
            weights = residual;
        while (candidates.Length < count)
        {
            if (mistake != TreeMistake.SiblingsWithReplacement)
                weights[candidates[^1]] = 0;
            if (!(weights.Max() > 0))
                break;
            candidates = [.. candidates, Distribution.Pick(weights, random.Uniform(position, Purpose.Sibling, candidates.Length))];
        }

        return candidates;
    }

    // each node has its own random number, so that the paths of TheLongestPath are independent
    private static double Coin(int position, int node, int candidate, PassRandom random) =>
        random.Uniform(position, Purpose.Accept, node == 0 ? candidate : (node * 100) + candidate);

    // the residual max(0, p − q), normalized; p itself where the residual is 0
    private static void Subtract(float[] p, float[] q)
    {
        float[] before = [.. p];
        TensorPrimitives.Subtract(p, q, p);
        TensorPrimitives.Max(p, 0, p);
        if (!Normalize(p))
            before.CopyTo(p, 0);
    }

    private static bool Normalize(float[] row)
    {
        float sum = row.Sum();
        if (sum > 0)
            TensorPrimitives.Divide(row, sum, row);
        return sum > 0;
    }
}
