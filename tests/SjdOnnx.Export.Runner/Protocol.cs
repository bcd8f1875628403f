using System.Text.Json;

namespace SjdOnnx.Export.Runner;

/// <summary>A tensor on the wire: little-endian bytes in base64.</summary>
internal sealed record WireTensor(string Type, long[] Shape, string? Data = null);

/// <summary>
/// One line on stdin. <see cref="Command"/> is one of
/// load (Session, Path, Threads, Optimized: where to save the optimized graph, Profile: start of the name of a profile to write,
/// Prepack: whether kernels may pack weights when the graph is loaded),
/// profile (Session: ends its profile and answers with the file's name),
/// buffer (Name, Tensor without data: memory that stays, all zero),
/// run (Session, Inputs, BoundInputs and BoundOutputs: graph input or output to buffer, Outputs: what to answer with, Repeat),
/// tokenizer (Session, Path: a folder, Section: the section tokenizer of model.json),
/// tokenize (Session, Texts: answers with the ids of each),
/// unload (Session),
/// memory (answers with the largest resident set of the process so far, in bytes).
/// </summary>
internal sealed record Request(
    string Command,
    string Session = "",
    string Path = "",
    int Threads = 1,
    string? Optimized = null,
    string? Profile = null,
    bool Prepack = true,
    string Name = "",
    WireTensor? Tensor = null,
    Dictionary<string, WireTensor>? Inputs = null,
    Dictionary<string, string>? BoundInputs = null,
    Dictionary<string, string>? BoundOutputs = null,
    string[]? Outputs = null,
    int Repeat = 1,
    JsonElement? Section = null,
    string[]? Texts = null);

/// <summary>The answer: one line on stdout. Milliseconds has one entry per repetition (of a run) or one (of a load).</summary>
internal sealed record Response(
    string? Error = null, Dictionary<string, WireTensor>? Outputs = null, double[]? Milliseconds = null, string? Profile = null,
    int[][]? Ids = null, long PeakBytes = 0);

internal static class Wire
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
}
