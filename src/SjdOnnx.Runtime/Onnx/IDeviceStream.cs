namespace SjdOnnx.Runtime.Onnx;

/// <summary>A device's memory, and one stream in which the device copies and computes in the order of the calls.</summary>
internal interface IDeviceStream : IDisposable
{
    /// <summary>The address of the device's own object, for a session that is to compute in this stream.</summary>
    nint Handle { get; }

    /// <summary>Bytes of the device's memory that nobody uses at present.</summary>
    long FreeBytes { get; }

    /// <summary>Takes memory of the device.</summary>
    /// <exception cref="InferenceException">There is not enough.</exception>
    nint Allocate(long bytes);

    /// <summary>Returns memory that <see cref="Allocate"/> took.</summary>
    void Free(nint memory);

    /// <summary>Keeps memory of the host in place, so that the device can copy it without a detour.</summary>
    void Lock(nint host, long bytes);

    /// <summary>Undoes <see cref="Lock"/>.</summary>
    void Unlock(nint host);

    /// <summary>Begins to copy from the host to the device.</summary>
    void Upload(nint host, nint device, long bytes);

    /// <summary>Begins to copy from the device to the host.</summary>
    void Download(nint device, nint host, long bytes);

    /// <summary>Waits until all that was begun is done.</summary>
    void Wait();
}
