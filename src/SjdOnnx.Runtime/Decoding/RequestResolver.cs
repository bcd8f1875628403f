using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>A request with nothing left open.</summary>
internal sealed record ResolvedRequest(
    GenerationSettings Settings, IDecodingMethod Method, SamplingOptions Sampling, TokenLayout Layout, SequentialParts? Sequential,
    int PreviewEveryRows, bool Trace)
{
    /// <summary>Whether each pass chooses how many drafts it carries, up to the method's.</summary>
    public bool ChoosesWindow => Settings.Window.IsAuto;

    /// <summary>Whether both can be drawn in the same passes: they differ in prompts and seed at most.</summary>
    public bool SharesPassesWith(ResolvedRequest other) =>
        Settings with { Prompt = "", Negative = null, Seed = 0 } == other.Settings with { Prompt = "", Negative = null, Seed = 0 };
}

/// <summary>Fills a request's gaps from model.json and refuses what the model cannot draw.</summary>
internal sealed class RequestResolver(Manifest manifest, string precision, Provider provider, int threads)
{
    // A size in steps of some pixels seldom has exactly the shape that was asked for: one twentieth is 1024 pixels in place of 972.
    private const double LargestDeviation = 0.05;

    private const int MostListed = 12;

    /// <summary>The model's own defaults must be a request it can draw.</summary>
    /// <exception cref="ModelException">They are not.</exception>
    public ResolvedRequest CheckDefaults()
    {
        try
        {
            // Asked for by number, the model's own steps are checked as those of a request are.
            if (manifest.Denoising is { Steps: int steps })
            {
                foreach (string method in DecodingMethods.Names.Where(name => DecodingMethods.Describe(name).ReadsNoise))
                    Resolve(new GenerationRequest { Prompt = "", Method = method, DenoisingSteps = steps });
            }
            return Resolve(new GenerationRequest { Prompt = "" });
        }
        catch (RequestException error)
        {
            throw new ModelException(
                $"{ManifestReader.FileName} has defaults that cannot be used: {error.Message} {ModelFolder.Remedy}", error);
        }
    }

    /// <exception cref="RequestException">A value is not legal for this model.</exception>
    public ResolvedRequest Resolve(GenerationRequest request)
    {
        ImageSize size = Size(request);
        SamplingOptions sampling = Legal(() => new SamplingOptions
        {
            Guidance = request.Guidance ?? manifest.Sampling.Guidance,
            Temperature = request.Temperature ?? manifest.Sampling.Temperature,
            TopK = request.TopK ?? manifest.Sampling.TopK,
            TopP = request.TopP ?? manifest.Sampling.TopP,
        });
        WindowSize window = request.Window ?? manifest.Decoding.Window;
        var usual = new DecodingOptions();
        DecodingOptions options = Legal(() => new DecodingOptions
        {
            Branching = request.Branching ?? usual.Branching,
            ReuseThreshold = request.ReuseThreshold ?? usual.ReuseThreshold,
            GroupSize = request.GroupSize ?? usual.GroupSize,
            GroupTolerance = request.GroupTolerance ?? usual.GroupTolerance,
            Iterations = request.Iterations ?? usual.Iterations,
            // The model's own number makes way for a small window; one that was asked for does not.
            DenoisingSteps = request.DenoisingSteps
                ?? Math.Min(manifest.Denoising?.Steps ?? usual.DenoisingSteps, Math.Max(1, window.Drafts ?? WindowSize.LargestAuto)),
            WindowSize = window.Drafts ?? WindowSize.LargestAuto,
            Initialisation = Initialisation.Named(request.Initialisation ?? manifest.Decoding.Initialisation),
        });
        IDecodingMethod method = Legal(() => DecodingMethods.Create(request.Method ?? manifest.Decoding.Method, options));
        if (manifest.Transformer.Lanes == 1 && sampling.Guidance != 1)
            throw new RequestException("This model was exported with one lane and has no guidance. Ask for guidance 1, or export it with two lanes.");
        CheckTrees(method);
        CheckDenoising(method);
        if (request.Negative is not null && manifest.Prompt.Negative is null)
        {
            throw new RequestException(
                "This model reads no negative prompt. Leave it out, and raise the guidance for pictures closer to the prompt.");
        }

        if (request.PreviewEveryRows < 0)
            throw new RequestException($"PreviewEveryRows is {request.PreviewEveryRows}; it must be 0 (no previews) or more.");

        GenerationSettings settings = Settings(request, method, options, sampling, size) with
        {
            Window = window.IsAuto && method.WindowSize > 0 ? WindowSize.Auto : method.WindowSize,
        };
        SequentialParts? sequential = manifest.Decoding.Sequential is { } parts ? new SequentialParts(parts.First, parts.Last) : null;
        return new ResolvedRequest(settings, method, sampling, Layout(size), sequential, request.PreviewEveryRows, request.Trace);
    }

    /// <summary>A method that asks about branches needs attention that can leave some tokens out.</summary>
    private void CheckTrees(IDecodingMethod method)
    {
        if (method.Branches == 0)
            return;
        if (!provider.Trees)
        {
            throw new RequestException(
                $"The method {method.Name} has the model judge a tree of codes, which ONNX Runtime's attention cannot on the provider " +
                $"{provider.Name}. Choose the method mc, which does without a tree, or the provider cpu.");
        }

        if (manifest.Transformer.Precisions[precision].Tree is null)
        {
            throw new RequestException(
                $"The method {method.Name} has the model judge a tree of codes, for which this model has no graph at {precision}. " +
                "Choose the method mc, which does without a tree, or export the model again.");
        }
    }

    /// <summary>A method whose drafts begin as noise needs a model that has learnt to read it.</summary>
    private void CheckDenoising(IDecodingMethod method)
    {
        if (method.DenoisingSteps == 0)
            return;
        if (manifest.Denoising is null)
        {
            throw new RequestException(
                $"The method {method.Name} has the model read noise, which this model was not fine-tuned for. Choose the method mc, which does " +
                "without, or a model that was (SjdOnnx' repository has one, onnx-models/emoji-sjd2, and export/sjd2, which makes them).");
        }

        if (method.DenoisingSteps > Math.Max(1, method.WindowSize))
        {
            throw new RequestException(
                $"The method {method.Name} is asked for {method.DenoisingSteps} denoising steps in a window of {method.WindowSize} drafts. A draft takes " +
                "a step in each pass, so ask for as many steps as drafts at most, or for a larger window.");
        }
    }

    private GenerationSettings Settings(
        GenerationRequest request, IDecodingMethod method, DecodingOptions options, SamplingOptions sampling, ImageSize size)
    {
        return new GenerationSettings
        {
            Prompt = request.Prompt,
            Negative = request.Negative ?? manifest.Prompt.Negative,
            Cleaning = request.Clean ? manifest.Prompt.Cleaning : null,
            Seed = request.Seed,
            Method = method.Name,
            Window = method.WindowSize,
            Initialisation = options.Initialisation.Name,
            MethodSettings = MethodSettings.Of(method.Name, options),
            Guidance = sampling.Guidance,
            Temperature = sampling.Temperature,
            TopK = sampling.TopK,
            TopP = sampling.TopP,
            Size = size,
            Precision = precision,
            Provider = provider.Name,
            Threads = threads,
        };
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

    private ImageSize Size(GenerationRequest request)
    {
        ImageSize[] sizes = [.. manifest.Image.Sizes.Select(size => new ImageSize(size[0], size[1]))];
        return (request.Size, request.AspectRatio) switch
        {
            (null, null) => sizes[0],
            (ImageSize size, null) => OfSize(sizes, size),
            (null, AspectRatio ratio) => OfShape(sizes, ratio),
            _ => throw new RequestException("The request has both a size and an aspect ratio. Give one of them."),
        };
    }

    private static ImageSize OfSize(ImageSize[] sizes, ImageSize wanted)
    {
        if (sizes.Contains(wanted))
            return wanted;

        ImageSize nearest = sizes.MinBy(legal => Math.Abs((long)legal.Width - wanted.Width) + Math.Abs((long)legal.Height - wanted.Height));
        throw new RequestException($"The model cannot draw {wanted}; the nearest size it draws is {nearest} ({Listed(sizes)}).");
    }

    private static ImageSize OfShape(ImageSize[] sizes, AspectRatio wanted)
    {
        if (wanted.Width < 1 || wanted.Height < 1)
            throw new RequestException($"The aspect ratio is {wanted}; it must be two whole numbers above 0, such as 16:9.");

        ImageSize nearest = sizes.OrderBy(wanted.DistanceTo).ThenByDescending(size => (long)size.Width * size.Height).First();
        return wanted.DistanceTo(nearest) <= LargestDeviation
            ? nearest
            : throw new RequestException($"The model draws nothing of the shape {wanted}; the nearest size is {nearest} ({Listed(sizes)}).");
    }

    private static string Listed(ImageSize[] sizes) => sizes.Length <= MostListed
        ? $"all: {string.Join(", ", sizes)}"
        : $"it draws {sizes.Length} sizes, from {sizes.MinBy(size => size.Width)} to {sizes.MaxBy(size => size.Width)}";

    /// <summary>The core's options check themselves; their sentence goes to whoever made the request.</summary>
    private static T Legal<T>(Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException error)
        {
            throw new RequestException(Sentence.Of(error), error);
        }
    }
}
