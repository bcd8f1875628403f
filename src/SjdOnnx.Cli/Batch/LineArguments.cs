using System.CommandLine;
using System.CommandLine.Parsing;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Methods;
using SjdOnnx.Runtime;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Batch;

/// <summary>
/// The options that a line of the input can have. On the command line they hold for every line that says nothing else. A line's values are
/// parsed as if they were typed, so both have the same ranges and complaints.
/// </summary>
internal sealed class LineArguments
{
    /// <summary>The option that chooses an image. Without it, image i has the seed of the command line + i.</summary>
    public const string Seed = "seed";

    /// <summary>The option for several images of a line.</summary>
    public const string Count = "count";

    private const string Method = "method";
    private const string On = "true";
    private const string Off = "false";

    private readonly DecodingMethods _methods;

    private readonly Option<ulong?> _seed = Number<ulong>($"--{Seed}", "N",
        "Selects the images: image i has the seed N + i, and of a line with a seed and a count of its own, each image has one more than " +
        "the one before", $"a whole number from 0 to {ulong.MaxValue}", "0", static _ => true);

    private readonly Option<int?> _count = Number<int>($"--{Count}", "N", "Images of each line",
        "a whole number from 1 to 1000000", "1", static n => n is >= 1 and <= 1_000_000);

    private readonly Option<Precision?> _precision = Precision("--precision");

    private readonly ImageArguments _image;
    private readonly ModelArguments _model;
    private readonly Dictionary<string, Option> _options;
    private readonly Command _line = new("line");

    /// <param name="methods">The decoding methods to choose from.</param>
    /// <param name="model">Of the command; a line can name a model too.</param>
    public LineArguments(DecodingMethods methods, ModelArguments model)
    {
        (_methods, _model) = (methods, model);
        _image = new ImageArguments(methods, "png");
        _options = Images.Concat(File).Concat(Decoding).Concat(OfMethods).Append(_model.Model).Append(_precision)
            .ToDictionary(option => option.Name[2..]);
        foreach (Option option in _options.Values)
            _line.Options.Add(option);
    }

    public Option[] File => _image.File;

    public IEnumerable<Option> Images => [_seed, _count, .. _image.Drawing];

    public Option[] Decoding => _image.Decoding;

    public IEnumerable<Option> OfMethods => _image.OfMethods;

    public Option Precision => _precision;

    /// <summary>The values that were given on the command line, by name.</summary>
    public IReadOnlyDictionary<string, string> GivenOn(ParseResult commandLine) => _options
        .Select(option => (option.Key, Result: commandLine.GetResult(option.Value)))
        .Where(option => option.Result is { Implicit: false })
        .ToDictionary(option => option.Key, option => option.Result!.Tokens is [.., Token last] ? last.Value : On);

    /// <summary>
    /// Puts the values of a line over those that hold without it. If the line names another method, the options of single methods that
    /// this method does not have are left out.
    /// </summary>
    public Dictionary<string, string> Merge(IReadOnlyDictionary<string, string> under, IReadOnlyDictionary<string, string> over)
    {
        var values = new Dictionary<string, string>(under);
        if (over.TryGetValue(Method, out string? name) && _methods.Names.Contains(name))
        {
            foreach (Option option in OfMethods.Where(option => !_methods[name].Options.Any(own => $"--{own.Name}" == option.Name)))
                values.Remove(option.Name[2..]);
        }

        foreach ((string key, string value) in over)
            values[key] = value;
        return values;
    }

    /// <summary>Parses values of options.</summary>
    /// <exception cref="CommandException">There is no such option, or a value is out of its range.</exception>
    public ParsedLine Parse(IReadOnlyDictionary<string, string> values)
    {
        ParseResult parsed = _line.Parse([.. values.SelectMany(Argument)], new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors is [ParseError error, ..])
            throw new CommandException(ExitCode.Input, error.Message);
        return new ParsedLine(
            _image.Read(parsed, output: null), _image.NegativePrompt(parsed), parsed.GetValue(_seed), parsed.GetValue(_count) ?? 1,
            _model.ModelOf(parsed), parsed.GetValue(_precision));
    }

    /// <summary>A value as it is typed. After the equals sign everything is the value, also what looks like an option.</summary>
    private IEnumerable<string> Argument(KeyValuePair<string, string> value)
    {
        if (!_options.TryGetValue(value.Key, out Option? option))
        {
            throw new CommandException(ExitCode.Input,
                $"there is no option '{value.Key}'; the names are {BatchInput.Prompt}, {BatchInput.Id}, " +
                $"{string.Join(", ", _options.Keys)}.");
        }

        if (option is not Option<bool>)
            return [$"--{value.Key}={value.Value}"];
        return value.Value switch
        {
            On => [$"--{value.Key}"],
            Off => [],
            _ => throw new CommandException(ExitCode.Input, $"{value.Key} is '{value.Value}'; it must be {On} or {Off}."),
        };
    }
}

/// <summary>What the options of a line say.</summary>
/// <param name="Seed">Null if the line names none.</param>
/// <param name="Count">Images of the line.</param>
/// <param name="Model">A path or a name; null for the built-in model.</param>
/// <param name="Precision">Null for the model's.</param>
internal sealed record ParsedLine(
    ImageOptions Image, string? NegativePrompt, ulong? Seed, int Count, string? Model, Precision? Precision);
