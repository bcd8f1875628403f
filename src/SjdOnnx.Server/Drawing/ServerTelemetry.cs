using System.Diagnostics.Metrics;

namespace SjdOnnx.Server.Drawing;

/// <summary>Measurements of the server, beside those of the library and of ASP.NET Core.</summary>
internal sealed class ServerTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "SjdOnnx.Server";

    private readonly UpDownCounter<long> _pending;
    private readonly Counter<long> _refused;

    public ServerTelemetry(IMeterFactory meters)
    {
        Meter meter = meters.Create(Name);
        _pending = meter.CreateUpDownCounter<long>(
            "sjdonnx.server.pending_images", "{image}", "Images that were asked for and are not finished.");
        _refused = meter.CreateCounter<long>("sjdonnx.server.refusals", "{request}", "Requests that were refused, by reason.");
    }

    public void Pending(int change) => _pending.Add(change);

    public void Refused(string reason) => _refused.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
