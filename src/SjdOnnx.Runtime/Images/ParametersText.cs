using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using static System.FormattableString;

namespace SjdOnnx.Runtime.Images;

/// <summary>The text that Stable Diffusion web UI (AUTOMATIC1111) made customary and that galleries and file viewers read: the prompt,
/// the negative prompt if there is one, then one line of settings.</summary>
/// <remarks>Those readers find the settings by regular expressions: the web UI's keys come first in its order, ours last, and a value
/// with a comma, colon, quote or line feed is quoted as JSON.</remarks>
public static class ParametersText
{
    /// <summary>The keyword of the PNG text.</summary>
    public const string Keyword = "parameters";

    /// <summary>The web UI shows the first ten digits of a model's SHA-256.</summary>
    private const int HashDigits = 10;

    /// <summary>What one reader or another takes for the end of a line.</summary>
    private static readonly char[] LineEnds = ['\r', '\n', '\v', '\f', '\u0085', '\u2028', '\u2029'];

    private static readonly SearchValues<char> NeedsQuotes = SearchValues.Create(",:\"\r\n");

    public static string Of(GenerationData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        DrawnRequest request = data.Request;
        (string Key, string Value)[] settings =
        [
            ("Steps", Invariant($"{data.Statistics.ForwardPasses}")),
            ("Sampler", "SJD"),
            ("CFG scale", Invariant($"{request.Guidance}")),
            ("Seed", Invariant($"{request.Seed}")),
            ("Size", Invariant($"{request.Width}x{request.Height}")),
            ("Model hash", data.Model.Sha256[..Math.Min(HashDigits, data.Model.Sha256.Length)]),
            ("Model", data.Model.Name),
            ("Method", request.Exact ? request.Method : $"{request.Method} (lossy)"),
            ("Window", Invariant($"{request.Window}")),
            ("Initialisation", request.Initialisation),
            .. Of(request.MethodSettings),
            ("Temperature", Invariant($"{request.Temperature}")),
            ("Top-k", Invariant($"{request.TopK}")),
            ("Top-p", Invariant($"{request.TopP}")),
            ("Precision", data.Model.Precision),
            ("Provider", data.Provider),
            ("Engine version", data.Engine),
        ];
        string negative = request.Negative is null ? "" : $"Negative prompt: {OnOneLine(request.Negative)}\n";
        return OnOneLine(request.Prompt) + "\n" + negative
            + string.Join(", ", settings.Select(setting => $"{setting.Key}: {Quoted(setting.Value)}"));
    }

    private static IEnumerable<(string Key, string Value)> Of(MethodSettings? settings)
    {
        if (settings?.Branching is string branching)
            yield return ("Branching", branching);
        if (settings?.ReuseThreshold is float threshold)
            yield return ("Reuse threshold", Invariant($"{threshold}"));
        if (settings?.GroupSize is int size)
            yield return ("Group size", Invariant($"{size}"));
        if (settings?.GroupTolerance is float tolerance)
            yield return ("Group tolerance", Invariant($"{tolerance}"));
        if (settings?.Iterations is int iterations)
            yield return ("Iterations", Invariant($"{iterations}"));
        if (settings?.DenoisingSteps is int steps)
            yield return ("Denoising steps", Invariant($"{steps}"));
    }

    /// <summary>
    /// A line of a prompt that begins with "Steps:" would be read as the settings. A zero character, which ends texts in PNG, and half a
    /// surrogate pair become U+FFFD.
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
