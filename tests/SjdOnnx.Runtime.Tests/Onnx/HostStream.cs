using System.Runtime.InteropServices;
using SjdOnnx.Runtime.Onnx;

namespace SjdOnnx.Runtime.Tests.Onnx;

/// <summary>A device whose memory is other memory of the host, so that what is not copied is not seen.</summary>
internal sealed unsafe class HostStream : IDeviceStream
{
    private readonly Dictionary<nint, long> _memory = [];
    private readonly HashSet<nint> _locked = [];

    /// <summary>Stands for CUDA, with caches in this stream's memory.</summary>
    public Provider Provider => new(ExecutionProvider.Cuda, "Cpu", "", (_, _) => { })
    {
        StreamOf = _ => this,
        MayFallBack = true,
        Captures = true,
    };

    public nint Handle => 1;

    public long FreeBytes { get; set; } = 1L << 30;

    public int Uploads { get; private set; }

    public int Downloads { get; private set; }

    /// <summary>Pieces of memory that were not returned, and places that were not unlocked.</summary>
    public int Live => _memory.Count + _locked.Count;

    public bool IsDisposed { get; private set; }

    /// <summary>Whether uploads have no effect, so that only what is read on the host is seen.</summary>
    public bool LosesUploads { get; set; }

    /// <summary>Called with the numbers that a download brought, and how many downloads there were before.</summary>
    public Action<float[], int>? Downloaded { get; set; }

    public nint Allocate(long bytes)
    {
        if (bytes > FreeBytes)
            throw new InferenceException($"There is no room for {bytes} bytes.");
        FreeBytes -= bytes;
        var memory = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Fill((void*)memory, (nuint)bytes, 0xFF); // NaN: nobody may read what nobody wrote
        _memory.Add(memory, bytes);
        return memory;
    }

    public void Free(nint memory)
    {
        Assert.True(_memory.Remove(memory, out long bytes));
        FreeBytes += bytes;
        NativeMemory.AlignedFree((void*)memory);
    }

    public void Lock(nint host, long bytes) => Assert.True(_locked.Add(host));

    public void Unlock(nint host) => Assert.True(_locked.Remove(host));

    public void Upload(nint host, nint device, long bytes)
    {
        Uploads++;
        Assert.True(_memory[device] >= bytes);
        if (!LosesUploads)
            NativeMemory.Copy((void*)host, (void*)device, (nuint)bytes);
    }

    public void Download(nint device, nint host, long bytes)
    {
        Assert.True(_memory[device] >= bytes);
        NativeMemory.Copy((void*)device, (void*)host, (nuint)bytes);
        if (Downloaded is not null)
        {
            var numbers = new Span<float>((void*)host, (int)(bytes / sizeof(float)));
            float[] copy = numbers.ToArray();
            Downloaded(copy, Downloads);
            copy.CopyTo(numbers);
        }

        Downloads++;
    }

    public void Wait()
    {
    }

    public void Dispose() => IsDisposed = true;
}

/// <summary>Tests on devices run one after another, because a pass is captured only while nobody else uses a device.</summary>
[CollectionDefinition(Name)]
public sealed class UsesDevice
{
    internal const string Name = "device";
}
