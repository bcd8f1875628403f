using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using static System.FormattableString;

namespace SjdOnnx.Runtime.Images;

/// <summary>
/// The text that Stable Diffusion web UI (AUTOMATIC1111) introduced and that galleries and file viewers read: the prompt, the negative
/// prompt if there is one, then one line of settings.
/// </summary>
/// <remarks>
/// These programs find the settings with regular expressions. The web UI's keys come first, in its order, and ours follow. A value with a
/// comma, colon, quote or line break is quoted as JSON.
/// </remarks>
public static class ParametersText
{
    /// <summary>The keyword of the PNG text.</summary>
    public const string Keyword = "parameters";

    /// <summary>The web UI shows the first ten digits of a model's SHA-256.</summary>
    private const int HashDigits = 10;

    /// <summary>Characters that one reader or another treats as the end of a line.</summary>
    private static readonly char[] LineEnds = ['\r', '\n', '\v', '\f', '\u0085', '\u2028', '\u2029'];

    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",:\"\r\n");

    public static string Of(GenerationData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        DrawnRequest request = data.Request;
        (string Key, string Value)[] settings =
        [
            ("Steps", Invariant($"{data.Statistics?.ForwardPasses ?? data.Statistics?.ImageTokens ?? 0}")),
            ("Sampler", "SJD"),
            ("CFG scale", Invariant($"{request.Guidance}")),
            ("Seed", Invariant($"{request.Seed}")),
            ("Size", Invariant($"{request.Width}x{request.Height}")),
            ("Model hash", data.Model.Sha256[..Math.Min(HashDigits, data.Model.Sha256.Length)]),
            ("Model", data.Model.Name),
            ("Method", request.Exact ? request.Method : $"{request.Method} (lossy)"),
            ("Window", Invariant($"{request.Window}")),
            ("Initialization", request.Initialization),
            .. Of(request.MethodOptions),
            ("Temperature", Invariant($"{request.Temperature}")),
            ("Top-k", Invariant($"{request.TopK}")),
            ("Top-p", Invariant($"{request.TopP}")),
            ("Precision", data.Model.Precision),
            ("Provider", data.Provider),
            ("Engine version", data.Engine),
        ];
        string negative = request.NegativePrompt is null ? "" : $"Negative prompt: {OnOneLine(request.NegativePrompt)}\n";
        return OnOneLine(request.Prompt) + "\n" + negative
            + string.Join(", ", settings.Select(setting => $"{setting.Key}: {Quoted(setting.Value)}"));
    }

    /// <summary>"group_size" becomes "Group size".</summary>
    private static IEnumerable<(string Key, string Value)> Of(JsonObject? options) => (options ?? []).Select(static option =>
        (char.ToUpperInvariant(option.Key[0]) + option.Key[1..].Replace('_', ' '), option.Value?.ToString() ?? ""));

    /// <summary>
    /// Puts a prompt on one line, because readers would take a line that begins with "Steps:" for the settings. U+0000, which ends texts in
    /// PNG files, and lone surrogates become U+FFFD.
    /// </summary>
    private static string OnOneLine(string prompt)
    {
        string whole = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(prompt)).Replace('\0', '\uFFFD');
        return string.Join(' ', whole.Split(LineEnds, StringSplitOptions.RemoveEmptyEntries));
    }

    private static string Quoted(string value) =>
        value.AsSpan().ContainsAny(NeedsQuotes)
            ? $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\""
            : value;
}
