using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Batch;

/// <summary>What the user asked batch for.</summary>
internal sealed record BatchOptions
{
    /// <summary>What is drawn.</summary>
    public required BatchSource Source { get; init; }

    /// <summary>The folder of the images.</summary>
    public required string Output { get; init; }

    public required TextToImageOptions Loading { get; init; }

    /// <summary>Images that share a forward pass; null for as many as the model can.</summary>
    public int? Batch { get; init; }

    public required Shard Shard { get; init; }

    /// <summary>Whether images whose line has changed are drawn again.</summary>
    public bool RedrawChanged { get; init; }

    /// <summary>Whether to check the input and the folder, and draw nothing.</summary>
    public bool CheckOnly { get; init; }

    /// <summary>The contact sheet's file; null for none.</summary>
    public string? Sheet { get; init; }
}

/// <summary>Where the images of a batch or of a job come from.</summary>
/// <param name="arguments">The options that lines can have.</param>
internal sealed class BatchSource(LineArguments arguments)
{
    /// <summary>The input's path, or - for standard input; null if <see cref="From"/> alone says what to draw.</summary>
    public string? File { get; init; }

    /// <summary>Null if the file's name or content says it.</summary>
    public InputFormat? Format { get; init; }

    /// <summary>An image whose settings hold for all lines that say nothing else; null for none.</summary>
    public string? From { get; init; }

    /// <summary>The values on the command line.</summary>
    public required IReadOnlyDictionary<string, string> Given { get; init; }

    /// <summary>For the names of files; null for the usual names.</summary>
    public string? NameTemplate { get; init; }

    /// <summary>The input's name, for people.</summary>
    public string Name => File is null ? From! : Terminal.StandardStreams.IsInput(File) ? "standard input" : File;

    /// <summary>Reads and checks all images. Wrong lines are printed.</summary>
    /// <param name="loading">How models will be loaded.</param>
    /// <exception cref="Terminal.CommandException">The input cannot be read, has no line, or has wrong lines.</exception>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public BatchPlan Read(TextToImageOptions loading)
    {
        SourceImage? source = From is null ? null : SourceImage.Read(From);
        var errors = new LineErrors(Name);
        IReadOnlyList<InputLine> lines = ReadLines(errors);
        IReadOnlyList<BatchImage> images =
            new LineReader(arguments, Given, source, new BatchNames(NameTemplate), errors).Read(lines);
        BatchPlan plan = BatchPlan.Of(images, loading, source, errors);
        errors.ThrowIfAny();
        return images.Count > 0
            ? plan
            : throw new Terminal.CommandException(Terminal.ExitCode.Input, $"'{Name}' has no line with a prompt; give at least one.");
    }

    private IReadOnlyList<InputLine> ReadLines(LineErrors errors)
    {
        if (File is null)
            return [new InputLine(1, new Dictionary<string, string>())];
        string text = BatchInput.ReadText(File);
        return new BatchInput(errors).Read(text, Format ?? BatchInput.FormatOf(File, text));
    }
}
