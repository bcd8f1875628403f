using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Generate;

/// <summary>What the user asked generate for.</summary>
internal sealed record GenerateOptions
{
    /// <summary>The first image; image i has its seed + i.</summary>
    public required GenerationRequest Request { get; init; }

    /// <summary>How all images are drawn. The method is set when the model is known.</summary>
    public required GenerationOptions Drawing { get; init; }

    /// <summary>The decoding method; null for the model's.</summary>
    public MethodDescriptor? Method { get; init; }

    /// <summary>The values of the method's own options.</summary>
    public required MethodValues MethodValues { get; init; }

    /// <summary>The file's name; null for names that are made from the seeds.</summary>
    public string? Output { get; init; }

    public bool ToStandardOutput => StandardStreams.IsOutput(Output);

    public required ImageFormat Format { get; init; }

    public required ImageFileOptions File { get; init; }

    /// <summary>A path or a name; null for the built-in model.</summary>
    public string? Model { get; init; }

    public required TextToImageOptions Loading { get; init; }

    public int Count { get; init; } = 1;

    /// <summary>Images that share a forward pass; null for the usual number.</summary>
    public int? Batch { get; init; }

    /// <summary>The file for the trace; null for none.</summary>
    public string? Trace { get; init; }

    public bool Preview { get; init; }

    public bool Json { get; init; }

    /// <summary>These options with the method and its own options.</summary>
    /// <exception cref="CommandException">An option was given that the method does not have.</exception>
    public GenerateOptions With(MethodDescriptor method)
    {
        MethodValues.CheckFor(method);
        return this with { Method = method, Drawing = Drawing with { Method = MethodValues.VariantsOf(method)[0].Method } };
    }
}
