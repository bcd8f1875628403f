using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;

namespace SjdOnnx.Cli.Methods;

/// <summary><c>sjd methods</c>: prints the descriptors of the decoding methods.</summary>
internal sealed class MethodsCommand : SjdCommand
{
    private readonly DecodingMethods _methods;
    private readonly Option<bool> _json = CheckedOption.Flag("--json", "Print a JSON array");

    /// <param name="methods">The methods to list.</param>
    public MethodsCommand(DecodingMethods methods)
        : base("methods", "Lists the decoding methods, with their options and whether they are exact.")
    {
        _methods = methods;
        Add("Options", _json);
        SetAction(parsed => Run(parsed.GetValue(_json)));
    }

    public override string Notes => """
        Results:
          A method on each line. The images of an exact method have the same distribution as images that are drawn
          one token at a time; the images of a lossy method do not. The options are those of sjd generate that have
          an effect on the method. With --json also: whether the seed alone decides the image, whatever the window
          (seed_exact), whether the method needs a model that judges trees (needs_tree) or that was fine-tuned to
          read noise (reads_noise), and each option's range and default.
        """;

    public override string ComplaintAbout(string word) => $"'{word}' is one word too many; methods lists all of them.";

    private int Run(bool json)
    {
        MethodReport[] methods = [.. _methods.All.Select(MethodReport.Of)];
        Print.Data(json
            ? JsonSerializer.Serialize(methods, MethodReportJson.Default.MethodReportArray)
            : TableOf(methods).ToText(Print.Width));
        return ExitCode.Done;
    }

    private static TextTable TableOf(MethodReport[] methods)
    {
        var table = new TextTable(new("method"), new("exact"), new("what it does"), new("options"));
        foreach (MethodReport method in methods)
        {
            IEnumerable<string> common = method.HasDrafts ? ["--window", "--init"] : [];
            string options = string.Join(' ', common.Concat(method.Options.Select(option => option.Name)));
            table.Add(method.Name, method.Exact ? "yes" : "lossy", method.Summary, options);
        }

        return table;
    }
}

/// <summary>An element of the array that methods --json prints.</summary>
/// <param name="Exact">Whether images are distributed as those of autoregressive decoding.</param>
/// <param name="SeedExact">Whether the seed alone decides the image, whatever the window.</param>
/// <param name="HasDrafts">Whether --window and --init have an effect.</param>
/// <param name="NeedsTree">Whether it needs a model that judges trees of tokens.</param>
/// <param name="ReadsNoise">Whether it needs a model that was fine-tuned to read noise.</param>
/// <param name="Options">The options that only some methods have.</param>
internal sealed record MethodReport(
    string Name, string Summary, bool Exact, bool SeedExact, bool HasDrafts, bool NeedsTree, bool ReadsNoise,
    IReadOnlyList<OptionReport> Options)
{
    public static MethodReport Of(MethodDescriptor method) => new(
        method.Name, method.Summary, method.IsExact, method.IsSeedExact, method.HasDrafts, method.NeedsTree, method.ReadsNoise,
        [.. method.Options.Select(option => new OptionReport($"--{option.Name}", option.Description, option.Range, option.DefaultText))]);
}

/// <param name="Name">With its dashes.</param>
/// <param name="Range">The legal values, in words.</param>
/// <param name="Default">The default, as users type it.</param>
internal sealed record OptionReport(string Name, string Description, string Range, string Default);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MethodReport[]))]
internal sealed partial class MethodReportJson : JsonSerializerContext;
