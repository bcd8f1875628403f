namespace SjdOnnx.Decoding;

/// <summary>What the next pass over a window reads: committed tokens that the cache lacks, then the drafts, then the branches.</summary>
internal sealed class PassInput(Window window, DraftTree tree)
{
    private readonly int[] _ids = new int[window.Layout.Length + tree.Max];
    private readonly int[] _parents = new int[tree.Max == 0 ? 0 : window.Layout.Length + tree.Max];
    private readonly int[] _steps = new int[window.Layout.Length];

    /// <summary>The model's token ids.</summary>
    public ReadOnlySpan<int> Ids()
    {
        int count = WriteIds(window.Cached, window.End);
        foreach ((_, int position, int code) in tree.Branches)
            _ids[count++] = window.Layout.Id(position, code);
        return _ids.AsSpan(0, count);
    }

    /// <summary>For each of <see cref="Ids"/> the index of the one it follows, −1 for the cache's last; empty for a chain.</summary>
    public ReadOnlySpan<int> Parents()
    {
        if (tree.Count == 0)
            return [];

        int count = window.End - window.Cached;
        for (int i = 0; i < count; i++)
            _parents[i] = i - 1;
        int root = window.Start - 1 - window.Cached; // the index of node 0
        foreach ((int parent, _, _) in tree.Branches)
            _parents[count++] = root + parent;
        return _parents.AsSpan(0, count);
    }

    /// <summary>The <see cref="Window.Step"/> of each of <see cref="Ids"/>; empty if all are 0.</summary>
    public ReadOnlySpan<int> Steps()
    {
        bool any = false;
        int count = window.End - window.Cached;
        for (int i = 0; i < count; i++)
        {
            int position = window.Cached + i;
            _steps[i] = position < window.Start ? 0 : window.Step(position);
            any |= _steps[i] != 0;
        }

        return any ? _steps.AsSpan(0, count) : [];
    }

    /// <summary>Ids of all tokens of a complete image.</summary>
    public int[] AllIds() => _ids[..WriteIds(0, window.Layout.Length)];

    private int WriteIds(int start, int end)
    {
        for (int position = start; position < end; position++)
            _ids[position - start] = window.Layout.Id(position, window[position]);
        return end - start;
    }
}
