using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using SjdOnnx.Server.Http;
using SjdOnnx.Server.Models;
using static System.FormattableString;

namespace SjdOnnx.Server.Drawing;

/// <summary>Counts the images of each model that were asked for and are not finished, and refuses more than the limit.</summary>
internal sealed class PendingImages(IOptions<SjdOnnxServerOptions> options, ServerTelemetry telemetry)
{
    private const double Smoothing = 0.2; // the weight of the newest image

    private readonly int _max = options.Value.MaxPendingImages;
    private readonly Lock _lock = new();
    private readonly Dictionary<PooledModel, Load> _loads = [];

    /// <summary>Takes places for images, until the result is disposed.</summary>
    /// <exception cref="RefusalException">There are not so many places.</exception>
    public IDisposable Take(PooledModel model, int images)
    {
        lock (_lock)
        {
            Load load = _loads.TryGetValue(model, out Load? known) ? known : _loads[model] = new Load();
            if (load.Pending + images > _max)
            {
                telemetry.Refused("queue_full");
                // A place is free when one of the images is finished.
                double seconds = Math.Clamp(Math.Ceiling(load.SecondsPerImage), 1, 600);
                throw new RefusalException(StatusCodes.Status429TooManyRequests,
                    Invariant($"{load.Pending} images of {model.Name} wait or are being drawn and {images} more were asked for; ") +
                    Invariant($"{_max} is the most. Try again later."),
                    "rate_limit_exceeded")
                { RetryAfter = TimeSpan.FromSeconds(seconds) };
            }

            load.Pending += images;
        }

        telemetry.Pending(images);
        return new Places(this, model, images);
    }

    /// <summary>Notes how long an image took once it had left the queue.</summary>
    public void Finished(PooledModel model, TimeSpan elapsed)
    {
        lock (_lock)
        {
            if (_loads.TryGetValue(model, out Load? load))
            {
                load.SecondsPerImage = load.SecondsPerImage == 0
                    ? elapsed.TotalSeconds
                    : load.SecondsPerImage + Smoothing * (elapsed.TotalSeconds - load.SecondsPerImage);
            }
        }
    }

    private void GiveBack(PooledModel model, int images)
    {
        lock (_lock)
            _loads[model].Pending -= images;
        telemetry.Pending(-images);
    }

    private sealed class Load
    {
        public int Pending { get; set; }

        /// <summary>A moving average; 0 before the first image.</summary>
        public double SecondsPerImage { get; set; }
    }

    private sealed class Places(PendingImages pending, PooledModel model, int images) : IDisposable
    {
        private int _left = images;

        public void Dispose()
        {
            int left = Interlocked.Exchange(ref _left, 0);
            if (left > 0)
                pending.GiveBack(model, left);
        }
    }
}
