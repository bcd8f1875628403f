using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Text;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Engine;

/// <summary>Fills in a request's defaults from model.json, and refuses what the model cannot draw.</summary>
internal sealed class RequestResolver(Manifest manifest, Precision precision, Provider provider, int threads)
{
    // Sizes come in steps, so they seldom have exactly the shape that was asked for. A twentieth allows 1024 pixels in place of 972.
    private const double MaxDeviation = 0.05;

    private const int MaxListed = 12;

    /// <summary>Checks that the model can draw a request with its own defaults.</summary>
    /// <exception cref="ModelException">It cannot.</exception>
    public ResolvedRequest CheckDefaults()
    {
        var request = new GenerationRequest { Prompt = "" };
        try
        {
            // Given as a number, the model's own steps are checked as those of a request are.
            if (manifest.Denoising is { } denoising)
                Resolve(request, new GenerationOptions { Method = Legal(() => MethodOf(denoising).WithSteps(denoising.Steps)) });
            return Resolve(request, new GenerationOptions());
        }
        catch (RequestException error)
        {
            throw new ModelException(
                $"{ManifestReader.FileName} has defaults that cannot be used: {error.Message} {ModelException.Remedy}", error);
        }
    }

    /// <summary>Fills in the defaults. The prompt stays text.</summary>
    /// <exception cref="RequestException">A value is not legal for this model.</exception>
    public ResolvedRequest Resolve(GenerationRequest request, GenerationOptions options)
    {
        ImageSize size = Size(options);
        SamplingOptions sampling = Legal(() => new SamplingOptions
        {
            Guidance = options.Guidance ?? manifest.Sampling.Guidance,
            Temperature = options.Temperature ?? manifest.Sampling.Temperature,
            TopK = options.TopK ?? manifest.Sampling.TopK,
            TopP = options.TopP ?? manifest.Sampling.TopP,
        });
        WindowSize window = options.Window ?? manifest.Decoding.Window;
        int drafts = Legal(() => new FixedWindow(window.Drafts ?? WindowSize.MaxAuto)).MaxDrafts;
        IDecodingMethod method = WithSteps(options.Method ?? DecodingMethods.BuiltIn[manifest.Decoding.Method].Default, drafts);
        if (!method.Descriptor.HasDrafts)
            (window, drafts) = (0, 0);
        if (manifest.Transformer.Lanes == 1 && sampling.Guidance != 1)
        {
            throw new RequestException(
                $"The guidance is {sampling.Guidance}; this model was exported with one lane and has none. Ask for guidance 1, or export " +
                "it with two lanes.");
        }

        CheckTrees(method, drafts);
        CheckDenoising(method, drafts);
        if (request.NegativePrompt is not null && manifest.Prompt.Negative is null)
        {
            throw new RequestException(
                "This model reads no negative prompt. Leave it out, and raise the guidance for images closer to the prompt.");
        }

        var settings = new GenerationSettings
        {
            Prompt = request.Prompt,
            NegativePrompt = request.NegativePrompt ?? manifest.Prompt.Negative,
            Cleaning = options.CleanPrompt ? manifest.Prompt.Cleaning : null,
            Seed = request.Seed,
            Method = method,
            Window = window,
            Initialization = options.Initialization ?? Legal(() => Initialization.Parse(manifest.Decoding.Initialization)),
            Guidance = sampling.Guidance,
            Temperature = sampling.Temperature,
            TopK = sampling.TopK,
            TopP = sampling.TopP,
            Size = size,
            Precision = precision,
            Provider = provider.Kind,
            Threads = threads,
        };
        SequentialCodes sequential = manifest.Decoding.Sequential is { } parts ? new(parts.First, parts.Last) : default;
        return new ResolvedRequest(settings, sampling, Layout(size), sequential, options.PreviewEveryRows, options.Trace);
    }

    /// <summary>A method that did not choose its denoising steps takes the model's, or fewer in a small window.</summary>
    private IDecodingMethod WithSteps(IDecodingMethod method, int drafts) => method is IDenoisingMethod { DenoisingSteps: null } denoising
        ? denoising.WithSteps(Math.Min(manifest.Denoising?.Steps ?? 1, Math.Max(1, drafts)))
        : method;

    /// <summary>The method that a model was fine-tuned for.</summary>
    private static IDenoisingMethod MethodOf(DenoisingSection denoising) =>
        denoising.HasTimesteps ? new PublishedDenoising() : new SpeculativeDenoising();

    /// <summary>Trees and timestep tokens need attention in which a token can leave others out.</summary>
    private void CheckTrees(IDecodingMethod method, int drafts)
    {
        if (method.TokensBeside(drafts) == 0)
            return;
        string does = method.Descriptor.HasTimesteps ? "reads tokens that leave others out" : "judges a tree of codes";
        if (!provider.Trees)
        {
            throw new RequestException(
                $"The method {method.Descriptor} {does}, which ONNX Runtime's attention does not support on the provider " +
                $"{provider.Name}. Choose the method mc, which needs no tree, or the provider cpu.");
        }

        if (manifest.Transformer.Precisions[precision.Name].Tree is null)
        {
            throw new RequestException(
                $"The method {method.Descriptor} {does}, for which this model has no graph at {precision}. " +
                "Choose the method mc, which needs no tree, or export the model again.");
        }
    }

    /// <summary>Drafts that begin as noise need a model that was fine-tuned to read it.</summary>
    private void CheckDenoising(IDecodingMethod method, int drafts)
    {
        if (method is not IDenoisingMethod { DenoisingSteps: { } steps })
            return;
        if (manifest.Denoising is null)
        {
            throw new RequestException(
                $"The method {method.Descriptor} needs a model that was fine-tuned to read noise, and this one was not. Choose the " +
                "method mc, which does without, or a fine-tuned model (the repository of SjdOnnx has one, onnx-models/emoji-sjd2, and " +
                "the scripts that make them, export/training/sjd2).");
        }

        if (manifest.Denoising.HasTimesteps != method.Descriptor.HasTimesteps)
        {
            string recipe = manifest.Denoising.HasTimesteps
                ? "by the published recipe, with timestep tokens"
                : "by this project's recipe, without timestep tokens";
            throw new RequestException(
                $"The method {method.Descriptor} does not fit this model, which was fine-tuned {recipe}. Choose the method " +
                $"{MethodOf(manifest.Denoising).Descriptor}, or a model that was fine-tuned by the other recipe (export/training/sjd2).");
        }

        if (steps > Math.Max(1, drafts))
        {
            throw new RequestException(
                $"The method {method.Descriptor} is asked for {steps} denoising steps in a window of {drafts} drafts. A draft takes a " +
                "step in each pass, so ask for at most as many steps as drafts, or for a larger window.");
        }
    }

    private TokenLayout Layout(ImageSize size) => new()
    {
        Rows = size.Height / manifest.Image.PixelsPerCode,
        Columns = size.Width / manifest.Image.PixelsPerCode,
        FirstCode = manifest.Layout.FirstCode,
        Codes = manifest.Layout.Codes,
        RowSuffix = manifest.Layout.RowSuffix,
        Suffix = manifest.Layout.Suffix,
    };

    private ImageSize Size(GenerationOptions options)
    {
        ImageSize[] sizes = [.. manifest.Image.Sizes.Select(size => new ImageSize(size[0], size[1]))];
        return (options.Size, options.AspectRatio) switch
        {
            (null, null) => sizes[0],
            (ImageSize size, null) => OfSize(sizes, size),
            (null, AspectRatio ratio) => OfShape(sizes, ratio),
            _ => throw new RequestException("The options have both a size and an aspect ratio. Give one of them."),
        };
    }

    private static ImageSize OfSize(ImageSize[] sizes, ImageSize wanted)
    {
        if (sizes.Contains(wanted))
            return wanted;

        ImageSize nearest = sizes.MinBy(
            legal => Math.Abs((long)legal.Width - wanted.Width) + Math.Abs((long)legal.Height - wanted.Height));
        throw new RequestException($"The model cannot draw {wanted}; the nearest size it draws is {nearest} ({Listed(sizes)}).");
    }

    private static ImageSize OfShape(ImageSize[] sizes, AspectRatio wanted)
    {
        if (wanted.Width < 1 || wanted.Height < 1)
            throw new RequestException($"The aspect ratio is {wanted}; it must be two whole numbers above 0, such as 16:9.");

        ImageSize nearest = sizes.OrderBy(wanted.DistanceTo).ThenByDescending(size => (long)size.Width * size.Height).First();
        return wanted.DistanceTo(nearest) <= MaxDeviation
            ? nearest
            : throw new RequestException(
                $"The model draws nothing of the shape {wanted}; the nearest size is {nearest} ({Listed(sizes)}).");
    }

    private static string Listed(ImageSize[] sizes) => sizes.Length <= MaxListed
        ? $"all: {string.Join(", ", sizes)}"
        : $"it draws {sizes.Length} sizes, from {sizes.MinBy(size => size.Width)} to {sizes.MaxBy(size => size.Width)}";

    /// <summary>Options of the core check themselves. Their sentence goes to the caller.</summary>
    private static T Legal<T>(Func<T> make)
    {
        try
        {
            return make();
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw new RequestException(error is ArgumentException argument ? Sentence.Of(argument) : error.Message, error);
        }
    }
}
