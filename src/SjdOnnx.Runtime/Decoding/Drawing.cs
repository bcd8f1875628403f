using System.Diagnostics;
using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>A picture under way, and where its time goes.</summary>
/// <param name="began">Timestamp of <see cref="Stopwatch"/> at which its turn came.</param>
internal sealed class Drawing(ResolvedRequest request, int index, Picture picture, int slot, long began)
{
    private readonly List<PassTrace>? _trace = request.Trace ? [] : null;
    private TimeSpan _prefill = Stopwatch.GetElapsedTime(began);
    private TimeSpan _decode;
    private TimeSpan _run;

    public ResolvedRequest Request => request;

    /// <summary>The number of the request, from 0.</summary>
    public int Index => index;

    public Picture Picture => picture;

    /// <summary>Its place among the pictures that share passes.</summary>
    public int Slot => slot;

    /// <summary>Since its turn came.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(began);

    /// <summary>Image tokens that are settled.</summary>
    public int Tokens => picture.Window.CommittedCodes;

    /// <summary>Adds this picture's share of the pass that has just ended.</summary>
    /// <param name="run">The part of it that ONNX Runtime computed.</param>
    public void Spend(TimeSpan pass, TimeSpan run)
    {
        _trace?.Add(PassTrace.Of(picture.Window));
        if (picture.Window.ForwardPasses == 0)
        {
            _prefill += pass;
            return;
        }

        _decode += pass;
        _run += run;
    }

    /// <summary>The image of the complete picture.</summary>
    /// <param name="load">How long loading the model took.</param>
    public GeneratedImage Finish(LoadedModel model, TimeSpan load, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        Decoded decoded = picture.ToDecoded();
        DecodedImage image = model.ImageDecoder.Decode([.. decoded.Codes], request.Layout, cancellation);
        return new GeneratedImage
        {
            Width = image.Width,
            Height = image.Height,
            Rgb = image.Rgb,
            TokenIds = decoded.Ids,
            Codes = decoded.Codes,
            ImageTokens = request.Layout.ImageTokens,
            ForwardPasses = decoded.ForwardPasses,
            AcceptedHistogram = decoded.AcceptedHistogram,
            DraftsPerPass = decoded.DraftsPerPass,
            Trace = _trace,
            Seconds = new GenerationTimings(
                Load: load.TotalSeconds,
                Prefill: _prefill.TotalSeconds,
                Decode: _decode.TotalSeconds,
                Image: Stopwatch.GetElapsedTime(start).TotalSeconds,
                Run: _run.TotalSeconds,
                Elapsed: Elapsed.TotalSeconds),
            Settings = request.Settings,
            Model = model.Description,
        };
    }
}
