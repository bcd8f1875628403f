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
        Assert.Equal(3, window.Cached); // the code at 3 and the two after it are input of the next pass, before the drafts
        Assert.Equal([10, 1, 2, 10, 10], window.InputIds().ToArray());
    }

    [Fact]
    public void The_window_ends_at_the_last_code()
    {
        Window window = AfterPrefill(size: 100);
        Assert.Equal(Layout.LastCode, window.End);

        window.Commit(new Verdict(window.Drafts, 2));

        Assert.True(window.IsComplete);
        Assert.Equal(0, window.Drafts);
        Assert.Equal([10, 10, 10, 10, 1, 2, 10, 10, 10, 12, 1, 2, 3], window.ToIds());
    }

    [Fact]
    public void Every_open_position_has_rows_of_its_own()
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
    public void More_cannot_be_accepted_than_was_drafted()
    {
        Window window = AfterPrefill(size: 2);

        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(3, 0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => window.Commit(new Verdict(-1, 0)));
    }

    private static Window AfterPrefill(int size)
    {
        var window = new Window(Layout, size);
        window.Commit(new Verdict(0, 0));
        window.Open(size);
        return window;
    }
}
