namespace SjdOnnx.Runtime.Tests.Images;

/// <summary>A file of any length that takes no space: some bytes, then zeros, then some more bytes.</summary>
internal sealed class HugeStream(byte[] start, long zeros, byte[] end) : Stream
{
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => start.Length + zeros + end.Length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        ReadOnlySpan<byte> next =
            _position < start.Length ? start.AsSpan((int)_position) :
            _position < start.Length + zeros ? [] :
            end.AsSpan((int)(_position - start.Length - zeros));
        long left = next.IsEmpty ? start.Length + zeros - _position : next.Length;
        int count = (int)Math.Min(buffer.Length, left);
        count = Math.Max(0, count);
        if (next.IsEmpty)
            buffer[..count].Clear();
        else
            next[..count].CopyTo(buffer);
        _position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
