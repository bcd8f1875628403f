using System.CommandLine;
using System.CommandLine.Parsing;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Terminal;

/// <summary>
/// The options that only some decoding methods have. Names, descriptions, ranges and defaults come from the methods' descriptors, so a new
/// method needs no change here.
/// </summary>
internal sealed class MethodArguments
{
    private readonly DecodingMethods _methods;
    private readonly Option<IReadOnlyList<string>?>[] _options;

    /// <param name="methods">The methods.</param>
    /// <param name="lists">Whether each option takes several values with commas between.</param>
    public MethodArguments(DecodingMethods methods, bool lists)
    {
        _methods = methods;
        _options = [.. methods.All.SelectMany(method => method.Options, (method, option) => (Method: method, Option: option))
            .GroupBy(each => each.Option.Name)
            .Select(group => ArgumentOf(
                $"--{group.Key}", [.. group.Select(each => each.Method.Default)], [.. group.Select(each => each.Option)], lists))];
    }

    /// <summary>An option for each name.</summary>
    public IEnumerable<Option> Options => _options;

    /// <summary>The names of the lossy methods, for people.</summary>
    public string Lossy => string.Join(", ", _methods.All.Where(static method => !method.IsExact));

    /// <summary>The values that were given.</summary>
    public MethodValues Read(ParseResult parsed) => new(_methods, _options
        .Where(option => parsed.GetResult(option) is OptionResult { Implicit: false })
        .ToDictionary(option => option.Name[2..], option => parsed.GetValue(option)!));

    private static Option<IReadOnlyList<string>?> ArgumentOf(string name, IDecodingMethod[] methods, MethodOption[] options, bool lists)
    {
        string range = string.Join(" or ", options.Select(option => option.Range).Distinct());
        string byDefault = string.Join(" or ", options.Select(option => option.DefaultText).Distinct());
        string description = $"{string.Join(", ", methods.Select(method => method.Descriptor.Name))}: {options[0].Description}";
        return lists
            ? List<string>(name, "A,B", description, range, byDefault, IsLegal)
            : Of(name, "VALUE", $"{description} ({range}; default: {byDefault})", (string text, out IReadOnlyList<string>? value) =>
            {
                value = [text];
                return IsLegal(text, out _) ? null : $" is '{text}'; it must be {range}.";
            });

        bool IsLegal(string text, out string value)
        {
            value = text;
            return options.Zip(methods, (option, method) => MethodValues.TryApply(option, method, text) is not null).Contains(true);
        }
    }
}

/// <summary>Values of methods' options, as they were given on the command line.</summary>
/// <param name="methods">All methods.</param>
/// <param name="values">One value or more by the option's name, without dashes.</param>
internal sealed class MethodValues(DecodingMethods methods, IReadOnlyDictionary<string, IReadOnlyList<string>> values)
{
    /// <summary>Every combination of the given values that a method can take, with the values in words: "group-size 9".</summary>
    public IReadOnlyList<(IDecodingMethod Method, string Given)> VariantsOf(MethodDescriptor descriptor)
    {
        IEnumerable<(IDecodingMethod Method, string Given)> variants = [(descriptor.Default, "")];
        foreach (MethodOption option in descriptor.Options)
        {
            if (values.TryGetValue(option.Name, out IReadOnlyList<string>? given))
            {
                variants = variants.SelectMany(_ => given, (variant, value) => (
                    TryApply(option, variant.Method, value) ?? throw new CommandException(
                        ExitCode.Usage, $"--{option.Name} is '{value}'; for the method {descriptor} it must be {option.Range}."),
                    $"{variant.Given}{(variant.Given.Length == 0 ? "" : ", ")}{option.Name} {value}"));
            }
        }

        return [.. variants];
    }

    /// <summary>Refuses options that no chosen method has.</summary>
    /// <exception cref="CommandException">The method of an option is not among them.</exception>
    public void CheckFor(params IReadOnlyList<MethodDescriptor> chosen)
    {
        foreach (string name in values.Keys)
        {
            if (!chosen.Any(method => Has(method, name)))
            {
                string owners = string.Join(" and ", methods.All.Where(method => Has(method, name)));
                string others = chosen.Count == 1 ? $"the method is {chosen[0]}" : $"the methods are {string.Join(", ", chosen)}";
                throw new CommandException(ExitCode.Usage, $"--{name} is an option of {owners}; {others}.");
            }
        }
    }

    /// <returns>Null if the value is not legal.</returns>
    public static IDecodingMethod? TryApply(MethodOption option, IDecodingMethod method, string value)
    {
        try
        {
            return option.Apply(method, value);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static bool Has(MethodDescriptor method, string option) => method.Options.Any(each => each.Name == option);
}
