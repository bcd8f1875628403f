namespace SjdOnnx.Runtime.Images;

/// <summary>
/// Reads a stream once, from beginning to end, through one small buffer. Skipped bytes take no memory, whatever length a file claims to
/// have.
/// </summary>
/// <param name="maxBytes">A longer stream is refused.</param>
internal sealed class ForwardReader(Stream stream, long maxBytes)
{
    private readonly byte[] _buffer = new byte[32 * 1024];
    private int _start;
    private int _end;

    /// <summary>Bytes consumed so far.</summary>
    public long Position { get; private set; }

    /// <summary>
    /// Returns the next bytes without consuming them: <paramref name="least"/> or more, or fewer at the end of the stream.
    /// </summary>
    public ReadOnlySpan<byte> Peek(int least)
    {
        if (_end - _start < least)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            _end += stream.ReadAtLeast(_buffer.AsSpan(_end..), least - _end, throwOnEndOfStream: false);
        }

        return _buffer.AsSpan(_start.._end);
    }

    /// <summary>Consumes bytes that <see cref="Peek"/> or <see cref="Next"/> has returned.</summary>
    public void Advance(int count)
    {
        _start += count;
        Position += count;
        if (Position > maxBytes)
            throw new ImageFormatException($"It is too large for an image: it has more than {maxBytes >> 20} MiB.");
    }

    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public byte ReadByte()
    {
        byte value = Next(1)[0];
        Advance(1);
        return value;
    }

    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public void Read(Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            ReadOnlySpan<byte> next = Next(destination.Length);
            next.CopyTo(destination);
            destination = destination[next.Length..];
            Advance(next.Length);
        }
    }

    /// <summary>Reads bytes into a new array. Memory grows with the bytes that there are, not with <paramref name="count"/>.</summary>
    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public byte[] Read(int count)
    {
        using var kept = new MemoryStream();
        while (kept.Length < count)
        {
            ReadOnlySpan<byte> next = Next(count - kept.Length);
            kept.Write(next);
            Advance(next.Length);
        }

        return kept.ToArray();
    }

    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public void Skip(long count)
    {
        while (count > 0)
        {
            int skipped = Next(count).Length;
            count -= skipped;
            Advance(skipped);
        }
    }

    /// <summary>Returns the next bytes without consuming them: at least one, and at most <paramref name="most"/>.</summary>
    /// <exception cref="EndOfStreamException">The stream has ended.</exception>
    public ReadOnlySpan<byte> Next(long most)
    {
        ReadOnlySpan<byte> next = Peek(1);
        if (next.IsEmpty)
            throw new EndOfStreamException();
        return next[..(int)Math.Min(most, next.Length)];
    }
}
