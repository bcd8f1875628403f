using System.Text.Json.Serialization;

namespace SjdOnnx.Peers;

/// <summary>What is measured: a model at a precision, in one lane or two, by an engine.</summary>
internal sealed record Cell(string Model, string Precision, int Lanes, string Engine)
{
    public const string Llama = "llama-30m", Emoji = "emoji";
    public const string BareRun = "bare Run", GenAi = "genai", GenAiBlocks = "genai-blocks", LlamaCpp = "llama.cpp", PyTorch = "PyTorch";
    public const string Ar = "ar", ArBlocks = "ar blocks", ExactAuto = "exact auto", Exact8 = "exact 8";
    public const string McAuto = "mc auto", Program = "sjd generate";

    /// <summary>All engines, in the order of the tables.</summary>
    public static IReadOnlyList<string> Engines { get; } =
        [BareRun, GenAi, GenAiBlocks, LlamaCpp, PyTorch, Ar, ArBlocks, ExactAuto, Exact8, McAuto, Program];

    /// <summary>Processes that measure this cell, at most.</summary>
    [JsonIgnore]
    public int MaxRounds => Engine == PyTorch ? 2 : int.MaxValue; // an image takes it up to 13 s

    [JsonIgnore]
    public string Group => $"{Model} {Precision}, {(Lanes == 1 ? "one lane" : "guidance")}";

    public override string ToString() => $"{Model}/{Precision}/{Lanes}/{Engine}";

    /// <summary>An engine's name in the tables.</summary>
    public static string Title(string engine) => engine switch
    {
        BareRun => "bare Run of our graph",
        GenAi => "onnxruntime-genai, our graph",
        GenAiBlocks => "onnxruntime-genai, int8 in blocks of 32",
        PyTorch => "PyTorch eager",
        Ar => "SjdOnnx `ar`",
        ArBlocks => "SjdOnnx `ar`, int8 in blocks of 32",
        ExactAuto => "SjdOnnx `exact`, window auto (default)",
        Exact8 => "SjdOnnx `exact`, window 8",
        McAuto => "SjdOnnx `mc`, window auto",
        Program => "`sjd generate`, process start to PNG",
        _ => engine,
    };

    /// <summary>All cells, grouped by what is compared.</summary>
    public static IEnumerable<Cell> All(bool withPyTorch, bool withProgram)
    {
        foreach (string precision in (string[])["int8", "fp32"])
        {
            string[] peers = precision == "int8" ? [BareRun, GenAi, GenAiBlocks, LlamaCpp] : [BareRun, GenAi, LlamaCpp];
            string[] eager = withPyTorch && precision == "fp32" ? [PyTorch] : [];
            string[] program = withProgram ? [Program] : [];
            string[] ar = precision == "int8" ? [Ar, ArBlocks] : [Ar];
            string[] own = [.. ar, ExactAuto, Exact8, McAuto, .. program];
            foreach (string engine in (string[])[.. peers, .. ar])
                yield return new Cell(Llama, precision, 1, engine);
            foreach (string engine in (string[])[.. peers, .. eager, .. ar])
                yield return new Cell(Llama, precision, 2, engine);
            foreach (string engine in (string[])[.. peers.Except([LlamaCpp]), .. eager, .. own])
                yield return new Cell(Emoji, precision, 2, engine);
        }
    }
}
