using System.CommandLine;
using System.Text.Json;
using SjdOnnx.Gpu;
using SjdOnnx.Runtime;

// Every command writes one JSON object to standard output. The exit status is 0 if it measured; what the figures are worth is judged by
// tests/gpu/check.py.
var model = new Argument<string>("MODEL") { Description = "Model folder" };
var provider = new Option<string>("--provider") { Description = "cpu, cuda, tensorrt or dml", DefaultValueFactory = _ => "cpu" };
var providerOptions = new Option<string[]>("--provider-option") { Description = "KEY=VALUE, as sjd takes it; may be repeated" };
var precision = new Option<string>("--precision") { Description = "Precision of the model", DefaultValueFactory = _ => "fp16" };
var threads = new Option<int>("--threads") { Description = "Threads of the CPU; 0 is one for each core" };
var reference = new Option<string?>("--reference") { Description = "Precision to compare with on the CPU" };
var tokens = new Option<int[]>("--tokens")
{
    Description = "Tokens of a lane in a pass",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [1, 2, 9, 17, 33, 65],
};
var past = new Option<int>("--past") { Description = "Tokens of a lane in the cache", DefaultValueFactory = _ => 1000 };
var repetitions = new Option<int>("--repetitions") { Description = "Passes of each size", DefaultValueFactory = _ => 25 };
var images = new Option<int>("--images") { Description = "Images", DefaultValueFactory = _ => 4 };
var batches = new Option<int[]>("--batches")
{
    Description = "Images in a pass",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [1, 2, 4, 8],
};
var method = new Option<string>("--method") { Description = "Decoding method", DefaultValueFactory = _ => "exact" };
var window = new Option<int>("--window") { Description = "The most drafts in a pass", DefaultValueFactory = _ => 16 };

var root = new RootCommand("Measures SjdOnnx on an execution provider and compares it with the CPU.")
{
    Measure("logits", "Compares logits of windows with those of single tokens and of the CPU", [reference, tokens],
        parsed => LogitsComparison.Run(LoadingOf(parsed), parsed.GetValue(reference), parsed.GetValue(tokens)!)),
    Measure("passes", "Times forward passes", [tokens, past, repetitions],
        parsed => PassTimes.Run(
            LoadingOf(parsed), parsed.GetValue(tokens)!, parsed.GetValue(past), parsed.GetValue(repetitions))),
    Measure("methods", "Draws images with every method and in every batch, there and on the CPU", [images, batches, window, reference],
        parsed => MethodComparison.RunAsync(
            LoadingOf(parsed), parsed.GetValue(reference), parsed.GetValue(images), parsed.GetValue(batches)!, parsed.GetValue(window))),
    Measure("exact", "Counts the images of exact that are not those of ar", [images, batches, window],
        parsed => Agreement.RunAsync(
            LoadingOf(parsed), parsed.GetValue(images), parsed.GetValue(batches)!.Max(), parsed.GetValue(window))),
    Measure("image", "Draws a whole image and splits its time", [method, window],
        parsed => WholeImage.RunAsync(LoadingOf(parsed), parsed.GetValue(method)!, parsed.GetValue(window))),
};
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

Loading LoadingOf(ParseResult parsed) => new(
    parsed.GetValue(model)!,
    Precision.Parse(parsed.GetValue(precision)!),
    ExecutionProviders.Parse(parsed.GetValue(provider)!),
    (parsed.GetValue(providerOptions) ?? [])
        .Select(static option => option.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]),
    parsed.GetValue(threads));

Command Measure(string name, string description, Option[] own, Func<ParseResult, object> measure)
{
    var command = new Command(name, description) { model };
    foreach (Option option in (Option[])[provider, providerOptions, precision, threads, .. own])
        command.Options.Add(option);
    command.SetAction(async (parsed, _) =>
    {
        try
        {
            object measured = measure(parsed);
            if (measured is Task<object> running)
                measured = await running;
            Console.WriteLine(JsonSerializer.Serialize(measured, Figures.Json));
            return 0;
        }
        catch (SjdOnnxException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    });
    return command;
}
