namespace SjdOnnx.Runtime.Scheduling;

/// <summary>
/// A queue in which callers take turns: each caller's items keep their order, and a caller with many items does not delay the others. Not
/// safe for several threads at once.
/// </summary>
internal sealed class FairQueue<T> where T : class
{
    private readonly LinkedList<(object Caller, LinkedList<T> Items)> _callers = []; // the next turn first

    /// <summary>Items that wait.</summary>
    public int Count { get; private set; }

    /// <summary>Adds an item behind those of the same caller.</summary>
    /// <param name="caller">Compared by reference.</param>
    public void Enqueue(object caller, T item)
    {
        Count++;
        foreach ((object known, LinkedList<T> items) in _callers)
        {
            if (!ReferenceEquals(known, caller))
                continue;
            items.AddLast(item);
            return;
        }

        _callers.AddLast((caller, new LinkedList<T>([item])));
    }

    /// <summary>The item whose turn it is; null if none waits.</summary>
    public T? Peek() => _callers.First?.Value.Items.First!.Value;

    /// <summary>Removes the item whose turn it is. The next turn is another caller's, if another waits.</summary>
    public T Dequeue()
    {
        LinkedListNode<(object, LinkedList<T> Items)> turn = _callers.First ?? throw new InvalidOperationException("The queue is empty.");
        LinkedList<T> items = turn.Value.Items;
        T item = items.First!.Value;
        items.RemoveFirst();
        _callers.Remove(turn);
        if (items.Count > 0)
            _callers.AddLast(turn);
        Count--;
        return item;
    }

    /// <summary>Removes an item wherever it waits.</summary>
    /// <returns>Whether it waited.</returns>
    public bool Remove(T item)
    {
        for (LinkedListNode<(object, LinkedList<T> Items)>? turn = _callers.First; turn is not null; turn = turn.Next)
        {
            if (!turn.Value.Items.Remove(item))
                continue;
            if (turn.Value.Items.Count == 0)
                _callers.Remove(turn);
            Count--;
            return true;
        }

        return false;
    }
}
