using System.Globalization;

namespace SjdOnnx.Gpu;

/// <summary>
/// Samples how much memory of this process is not a mapped file: weights that are mapped lie in the page cache, which other processes
/// share.
/// </summary>
internal sealed class HostMemory : IDisposable
{
    private const string Status = "/proc/self/status";
    private readonly Timer? _timer;
    private long _peak;

    public HostMemory()
    {
        if (File.Exists(Status))
            _timer = new Timer(_ => Sample(), null, dueTime: 0, period: 20);
    }

    /// <summary>The most bytes so far; null where the system does not tell.</summary>
    public long? Peak
    {
        get
        {
            if (_timer is null)
                return null;
            Sample();
            return Interlocked.Read(ref _peak);
        }
    }

    public void Dispose() => _timer?.Dispose();

    private void Sample()
    {
        string line = File.ReadLines(Status).First(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal));
        long bytes = 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        long peak;
        while ((peak = Interlocked.Read(ref _peak)) < bytes && Interlocked.CompareExchange(ref _peak, bytes, peak) != peak)
        {
            // another sample was taken meanwhile
        }
    }
}
