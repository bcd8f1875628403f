using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SjdOnnx.Decoding;

namespace SjdOnnx.Tests.Decoding;

public sealed class WindowTests
{
    private static readonly TokenLayout Layout =
        new() { Rows = 2, Columns = 4, FirstCode = 10, Codes = 3, RowSuffix = [1, 2], Suffix = [3] };

    [Fact]
    public void The_p_of_an_open_position_becomes_its_q_in_place()
    {
        Window window = AfterPrefill(size: 2);
        Assert.Equal((1, 3), (window.Start, window.End));
        ref readonly float p = ref MemoryMarshal.GetReference(window.P(2));

        window.Commit(new Verdict(Accepted: 0, Next: 1));
        window.Open(2);

        Assert.True(Unsafe.AreSame(in p, ref MemoryMarshal.GetReference(window.Q(2))));
        Assert.Equal((2, 4, 4), (window.Start, window.End, window.Predicted));
    }

    [Fact]
    public void Structure_that_must_follow_is_committed_without_a_pass()
    {
        Window window = AfterPrefill(size: 2);
        window.Commit(new Verdict(2, 0));
        window.Open(2);

        Assert.Equal(6, window.Start); // 0 to 3 are codes, 4 and 5 close the row
        Assert.Equal(3, window.Cached); // the next pass reads the code at 3 and the two tokens after it, and then the drafts
        Assert.Equal([10, 1, 2, 10, 10], window.Input.Ids().ToArray());
    }

    [Fact]
    public void The_window_ends_at_the_last_image_code()
    {
        Window window = AfterPrefill(size: 100);
        Assert.Equal(Layout.LastCode, window.End);

        window.Commit(new Verdict(window.Drafts, 2));

        Assert.True(window.IsComplete);
        Assert.Equal(0, window.Drafts);
        Assert.Equal([10, 10, 10, 10, 1, 2, 10, 10, 10, 12, 1, 2, 3], window.Input.AllIds());
    }

    [Fact]
    public void Every_open_position_has_its_own_row_of_p()
    {
        Window window = AfterPrefill(size: 3);
        for (int position = window.Start; position <= window.End; position++)
            window.PredictionRow(position - window.Start).Fill(position);

        for (int position = window.Start; position <= window.End; position++)
            Assert.Equal(position, window.P(position)[0]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Rows_outside_the_window_are_refused(int position)
    {
        Window window = AfterPrefill(size: 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.P(position).Length);
    }

    [Fact]
    public void A_verdict_that_accepts_more_drafts_than_there_are_is_refused()
    {
        Window window = AfterPrefill(size: 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(3, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(-1, 0)));
    }

    [Fact]
    public void A_verdict_with_more_codes_on_the_chain_than_it_accepts_is_refused()
    {
        Window window = AfterPrefill(size: 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(1, 0) { OnChain = 2 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(1, 0) { OnChain = -1 }));
    }

    [Fact]
    public void A_pass_without_branches_reads_a_chain_of_codes()
    {
        Window window = AfterPrefill(size: 2, branches: 3);

        Assert.Equal([10, 10, 10], window.Input.Ids().ToArray());
        Assert.True(window.Input.Parents().IsEmpty);
        Assert.True(window.Input.Steps().IsEmpty);
        Assert.Equal(3, window.Nodes);
    }

    [Fact]
    public void Branches_follow_the_drafts_in_the_input_and_name_their_parents()
    {
        Window window = AfterPrefill(size: 2, branches: 3); // node 0 is the token at position 0, nodes 1 and 2 are the drafts
        int sibling = window.Branch(parent: 0, code: 2);
        int behindSibling = window.Branch(sibling, code: 1);
        int behindDraft = window.Branch(parent: 1, code: 2);

        Assert.Equal((3, 4, 5), (sibling, behindSibling, behindDraft));
        Assert.Equal((3, 6), (window.Branches, window.Nodes));
        Assert.Equal([1, 2, 2], new[] { sibling, behindSibling, behindDraft }.Select(window.PositionOf));
        Assert.Equal([10, 10, 10, 12, 11, 12], window.Input.Ids().ToArray());
        Assert.Equal([-1, 0, 1, 0, 3, 1], window.Input.Parents().ToArray());
    }

    [Fact]
    public void The_input_of_a_tree_begins_with_the_committed_tokens_that_the_cache_lacks()
    {
        Window window = AfterPrefill(size: 2, branches: 3);
        window.Commit(new Verdict(2, 0)); // commits the rest of the first row and the two tokens that close it
        window.Open(2);
        window.Branch(parent: 0, code: 1);

        Assert.Equal([10, 1, 2, 10, 10, 11], window.Input.Ids().ToArray());
        Assert.Equal([-1, 0, 1, 2, 3, 2], window.Input.Parents().ToArray());
    }

    [Fact]
    public void Codes_that_the_pass_is_asked_about_are_found_behind_their_node()
    {
        Window window = AfterPrefill(size: 2, branches: 3);
        window[1] = 1;
        int sibling = window.Branch(parent: 0, code: 2);
        int behindSibling = window.Branch(sibling, code: 1);

        Assert.Equal((1, sibling, null), (window.Child(0, 1), window.Child(0, 2), window.Child(0, 0)));
        Assert.Equal(behindSibling, window.Child(sibling, 1));
        Assert.Equal([1, 2], Children(window, node: 0));
        Assert.Equal([0], Children(window, node: 1)); // the draft at 2
        Assert.Empty(Children(window, node: 2)); // nothing follows the last draft
        Assert.Equal([1], Children(window, sibling));
    }

    [Fact]
    public void Every_branch_has_its_own_row_of_p()
    {
        Window window = AfterPrefill(size: 1, branches: 2);
        window.Branch(parent: 0, code: 1);
        window.Branch(parent: 0, code: 2);
        for (int node = 0; node < window.Nodes; node++)
            window.PredictionRow(node).Fill(node);

        Assert.Equal([0f, 1, 2, 3], Enumerable.Range(0, window.Nodes).Select(node => window.PAfter(node)[0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => window.PAfter(4).Length);
    }

    [Fact]
    public void Codes_of_branches_are_read_again_after_they_were_committed()
    {
        Window window = AfterPrefill(size: 3, branches: 2);
        window.Branch(window.Branch(parent: 1, code: 2), code: 1);
        (window[2], window[3]) = (2, 1); // the path leaves the chain behind the first draft
        window.Commit(new Verdict(Accepted: 3, Next: 0) { OnChain = 1 });
        window.Open(1);

        Assert.Equal(2, window.Cached);
        Assert.Equal(0, window.Branches);
        Assert.Equal([12, 11, 1, 2, 10], window.Input.Ids().ToArray());
    }

    [Fact]
    public void A_window_takes_only_the_branches_it_was_made_for()
    {
        Window window = AfterPrefill(size: 2, branches: 1);
        window.Branch(parent: 0, code: 1);

        var error = Assert.Throws<InvalidOperationException>(() => window.Branch(parent: 0, code: 2));
        Assert.Contains("made for 1 branches", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)] // the last draft: nothing behind it is judged
    [InlineData(3)] // no node
    public void A_branch_needs_a_node_before_the_last_draft(int parent)
    {
        Window window = AfterPrefill(size: 2, branches: 1);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.Branch(parent, code: 0));
    }

    [Fact]
    public void Steps_of_open_slots_are_part_of_the_input()
    {
        Window window = AfterPrefill(size: 3);
        window.SetStep(1, 2);
        window.SetStep(3, 5);

        Assert.Equal([0, 2, 0, 5], window.Input.Steps().ToArray());
        Assert.Equal([2, 0, 5], Enumerable.Range(1, 3).Select(window.Step));
    }

    [Fact]
    public void The_input_reads_committed_tokens_without_noise()
    {
        Window window = AfterPrefill(size: 3);
        window.SetStep(1, 2);
        window.SetStep(2, 2);
        window.Commit(new Verdict(0, Next: 1));
        window.Open(1);

        Assert.Equal([0, 2], window.Input.Steps().ToArray()); // position 1 is committed, position 2 is open
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 1)]
    [InlineData(2, -1)]
    public void Steps_outside_the_window_or_below_0_are_refused(int position, int steps)
    {
        Window window = AfterPrefill(size: 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.SetStep(position, steps));
    }

    [Fact]
    public void A_slot_ages_with_each_pass_that_predicts_it()
    {
        Window window = AfterPrefill(size: 3);
        Assert.Equal([0, 0, 0], Enumerable.Range(1, 3).Select(window.Age)); // first guesses

        window.Commit(new Verdict(0, 0));
        window.Open(3);
        Assert.Equal([1, 1, 1], Enumerable.Range(2, 3).Select(window.Age));

        window.Commit(new Verdict(0, 0));
        window.Open(1);
        Assert.Equal(2, window.Age(3));
    }

    private static int[] Children(Window window, int node)
    {
        var codes = new int[8];
        return codes[..window.CopyChildren(node, codes)];
    }

    private static Window AfterPrefill(int size, int branches = 0)
    {
        var window = new Window(Layout, size, branches);
        window.Commit(new Verdict(0, 0));
        window.Open(size);
        return window;
    }
}
