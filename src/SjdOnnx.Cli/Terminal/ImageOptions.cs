using SjdOnnx.Decoding;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Terminal;

/// <summary>How an image is drawn and written, as the options say.</summary>
internal sealed record ImageOptions
{
    /// <summary>The method is set by <see cref="With"/>, when the model is known.</summary>
    public required GenerationOptions Drawing { get; init; }

    /// <summary>The decoding method; null for the model's.</summary>
    public MethodDescriptor? Method { get; init; }

    /// <summary>The values of the method's own options.</summary>
    public required MethodValues MethodValues { get; init; }

    public required ImageFormat Format { get; init; }

    public required ImageFileOptions File { get; init; }

    /// <summary>These options with the method and its own options.</summary>
    /// <exception cref="CommandException">An option was given that the method does not have.</exception>
    public ImageOptions With(MethodDescriptor method)
    {
        MethodValues.CheckFor(method);
        return this with { Method = method, Drawing = Drawing with { Method = MethodValues.VariantsOf(method)[0].Method } };
    }
}
