using SjdOnnx.Runtime.Scheduling;

namespace SjdOnnx.Runtime.Tests.Scheduling;

public class FairQueueTests
{
    private readonly FairQueue<string> _queue = new();

    [Fact]
    public void Callers_take_turns_and_each_callers_items_keep_their_order()
    {
        Enqueue("a", "a1", "a2", "a3");
        Enqueue("b", "b1");
        Enqueue("c", "c1", "c2");
        Assert.Equal(["a1", "b1", "c1", "a2", "c2", "a3"], DequeueAll());
    }

    [Fact]
    public void A_caller_that_arrives_later_waits_for_one_item_of_each_other_caller()
    {
        Enqueue("a", "a1", "a2", "a3", "a4");
        Assert.Equal("a1", _queue.Dequeue());
        Enqueue("b", "b1");
        Assert.Equal(["a2", "b1", "a3", "a4"], DequeueAll());
    }

    [Fact]
    public void A_caller_whose_items_are_gone_joins_behind_the_others()
    {
        Enqueue("a", "a1");
        Enqueue("b", "b1", "b2");
        Assert.Equal("a1", _queue.Dequeue());
        Enqueue("a", "a2");
        Assert.Equal(["b1", "a2", "b2"], DequeueAll());
    }

    [Fact]
    public void Callers_are_compared_by_reference()
    {
        string first = new('x', 1), second = new('x', 1);
        _queue.Enqueue(first, "1");
        _queue.Enqueue(first, "2");
        _queue.Enqueue(second, "3");
        Assert.Equal(["1", "3", "2"], DequeueAll());
    }

    [Fact]
    public void Peek_shows_the_item_that_is_dequeued_next()
    {
        Assert.Null(_queue.Peek());
        Enqueue("a", "a1", "a2");
        Enqueue("b", "b1");
        while (_queue.Count > 0)
        {
            string? next = _queue.Peek();
            Assert.Equal(next, _queue.Dequeue());
        }

        Assert.Null(_queue.Peek());
        Assert.Throws<InvalidOperationException>(() => _queue.Dequeue());
    }

    [Fact]
    public void An_item_is_removed_wherever_it_waits()
    {
        Enqueue("a", "a1", "a2");
        Enqueue("b", "b1");
        Enqueue("c", "c1");
        Assert.True(_queue.Remove("a2"));
        Assert.True(_queue.Remove("b1"));
        Assert.False(_queue.Remove("b1"));
        Assert.False(_queue.Remove("other"));
        Assert.Equal(2, _queue.Count);
        Assert.Equal(["a1", "c1"], DequeueAll());
    }

    /// <summary>Random calls, compared with a set of the items that wait.</summary>
    [Fact]
    public void After_any_calls_the_count_is_right_and_no_item_is_lost_or_comes_twice()
    {
        var random = new Random(5);
        var waiting = new HashSet<string>();
        var seen = new HashSet<string>();
        object[] callers = [.. Enumerable.Range(0, 4).Select(_ => new object())];
        for (int step = 0; step < 2000; step++)
        {
            int kind = random.Next(5);
            if (kind < 3)
            {
                _queue.Enqueue(callers[random.Next(callers.Length)], $"{step}");
                waiting.Add($"{step}");
            }
            else if (waiting.Count > 0)
            {
                string item = kind == 3 ? _queue.Dequeue() : waiting.ElementAt(random.Next(waiting.Count));
                Assert.True(kind == 3 || _queue.Remove(item));
                Assert.True(waiting.Remove(item));
                Assert.True(seen.Add(item));
            }

            Assert.Equal(waiting.Count, _queue.Count);
        }

        Assert.Equal(waiting.Order(), DequeueAll().Order());
    }

    private void Enqueue(object caller, params string[] items)
    {
        foreach (string item in items)
            _queue.Enqueue(caller, item);
    }

    private List<string> DequeueAll()
    {
        var items = new List<string>();
        while (_queue.Count > 0)
            items.Add(_queue.Dequeue());
        return items;
    }
}
