using System.Globalization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Batch;

/// <summary>Makes the images of the input's lines.</summary>
/// <param name="arguments">The options that lines can have.</param>
/// <param name="given">The values on the command line, which hold for lines that say nothing else.</param>
/// <param name="source">The image whose settings hold where neither says anything; null for none.</param>
/// <param name="names">Of the files.</param>
/// <param name="errors">Where errors are noted.</param>
internal sealed class LineReader(
    LineArguments arguments, IReadOnlyDictionary<string, string> given, SourceImage? source, BatchNames names, LineErrors errors)
{
    private static readonly string[] NotOptions = [BatchInput.Prompt, BatchInput.Id];

    private readonly Dictionary<string, string> _defaults = arguments.Merge(Without(source?.Values ?? Empty, NotOptions), given);
    private readonly Dictionary<string, int> _taken = new(StringComparer.OrdinalIgnoreCase); // lines by the names of their files
    private readonly List<BatchImage> _images = [];

    private static Dictionary<string, string> Empty => [];

    /// <returns>The images of all lines without an error, with their numbers from 0.</returns>
    public IReadOnlyList<BatchImage> Read(IEnumerable<InputLine> lines)
    {
        // The seeds of lines that name none are counted from this one.
        ParsedLine defaults = arguments.Parse(_defaults);
        foreach (InputLine line in lines)
        {
            try
            {
                Add(line, firstSeed: defaults.Seed ?? 0);
            }
            catch (CommandException error)
            {
                errors.Add(line.Number, error.Message);
            }
        }

        return _images;
    }

    private void Add(InputLine line, ulong firstSeed)
    {
        string prompt = line.Values.GetValueOrDefault(BatchInput.Prompt) ?? source?.Values[BatchInput.Prompt]
            ?? throw new CommandException(ExitCode.Input, $"it has no {BatchInput.Prompt}.");
        string? id = line.Values.GetValueOrDefault(BatchInput.Id);
        if (id is not null && BatchNames.ComplaintAbout(id) is string complaint)
            throw new CommandException(ExitCode.Input, $"{BatchInput.Id}{complaint}");

        Dictionary<string, string> values = arguments.Merge(_defaults, Without(line.Values, NotOptions));
        ParsedLine parsed = arguments.Parse(values);
        bool hasSeed = line.Values.ContainsKey(LineArguments.Seed);
        for (int i = 0; i < parsed.Count; i++)
        {
            int index = _images.Count;
            ulong seed = Sum(hasSeed ? parsed.Seed!.Value : firstSeed, hasSeed ? i : index);
            string name = names.Of(index, parsed.Count == 1 ? id : Numbered(id, i), seed, parsed.Image.Format.Extension());
            if (!_taken.TryAdd(name, line.Number))
            {
                throw new CommandException(ExitCode.Input, string.Create(CultureInfo.InvariantCulture,
                    $"its file would be '{name}', as that of line {_taken[name]}; give it another id, or put {{index}} into --name."));
            }

            _images.Add(new BatchImage
            {
                Index = index,
                Line = line.Number,
                Id = id,
                Name = name,
                Request = new GenerationRequest { Prompt = prompt, NegativePrompt = parsed.NegativePrompt, Seed = seed },
                Values = Without(values, [LineArguments.Seed, LineArguments.Count]),
                Options = parsed.Image,
                Model = parsed.Model,
                Precision = parsed.Precision,
            });
        }
    }

    /// <summary>The images of a line share its id, so the files' names have a number behind it.</summary>
    private static string? Numbered(string? id, int number) =>
        id is null ? null : string.Create(CultureInfo.InvariantCulture, $"{id}-{number}");

    private static ulong Sum(ulong seed, int images) => seed <= ulong.MaxValue - (ulong)images
        ? seed + (ulong)images
        : throw new CommandException(ExitCode.Input, $"its seed goes beyond the largest one, {ulong.MaxValue}; begin with a smaller seed.");

    private static Dictionary<string, string> Without(IReadOnlyDictionary<string, string> values, string[] names) =>
        values.Where(value => !names.Contains(value.Key)).ToDictionary();
}
