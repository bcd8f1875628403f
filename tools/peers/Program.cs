using System.CommandLine;
using SjdOnnx.Peers;

var output = new Option<string>("--out") { Description = "folder with the models, the samples and the tables", Required = true };
var threads = new Option<int>("--threads") { Description = "threads of a pass", DefaultValueFactory = _ => Environment.ProcessorCount };

var rounds = new Option<int>("--rounds") { Description = "processes for each cell", DefaultValueFactory = _ => 4 };
var minutes = new Option<double>("--minutes")
{
    Description = "start no process after this time; the same command goes on later",
    DefaultValueFactory = _ => 600,
};
var only = new Option<string[]>("--only")
{
    Description = "measure only cells whose name contains this text, such as emoji/int8 or genai",
    DefaultValueFactory = _ => [""],
};
var python = new Option<string?>("--python") { Description = "Python with PyTorch; without it, PyTorch is not measured" };
var program = new Option<string?>("--sjd") { Description = "the program sjd; without it, its start is not measured" };
var scripts = new Option<string>("--scripts") { Description = "folder with eager.py", Required = true };
var measure = new Command("measure", "Measures all engines and writes the tables.")
{
    output, threads, rounds, minutes, only, python, program, scripts,
};
measure.SetAction(parsed =>
{
    Cell[] cells = [.. Cell.All(parsed.GetValue(python) is not null, parsed.GetValue(program) is not null)
        .Where(cell => parsed.GetValue(only)!.Any(text => cell.ToString().Contains(text, StringComparison.Ordinal)))];
    string folder = Path.GetFullPath(parsed.GetValue(output)!);
    var all = new Rounds(
        folder, parsed.GetValue(threads), parsed.GetValue(python) ?? "", parsed.GetValue(scripts)!, parsed.GetValue(program));
    bool whole = all.Run(cells, parsed.GetValue(rounds), TimeSpan.FromMinutes(parsed.GetValue(minutes)));
    bool equal = Report.Write(folder, parsed.GetValue(threads));
    return whole && equal ? 0 : 1;
});

var model = new Option<string>("--model") { Required = true };
var precision = new Option<string>("--precision") { Required = true };
var lanes = new Option<int>("--lanes") { Required = true };
var engine = new Option<string>("--engine") { Required = true };
var round = new Option<int>("--round") { Required = true };
var started = new Option<long>("--started") { Required = true };
var sample = new Command("sample", "Measures one engine in this process and prints a line of JSON.")
{
    output, threads, model, precision, lanes, engine, round, started,
};
sample.SetAction(parsed =>
{
    var cell = new Cell(parsed.GetValue(model)!, parsed.GetValue(precision)!, parsed.GetValue(lanes), parsed.GetValue(engine)!);
    Sample measured = Measurement.Run(
        cell, parsed.GetValue(round), parsed.GetValue(output)!, parsed.GetValue(threads), parsed.GetValue(started));
    Console.WriteLine(measured.ToJson());
});

var root = new RootCommand("Measures SjdOnnx beside other engines on the same weights. run.sh calls it.") { measure, sample };
return root.Parse(args).Invoke();
