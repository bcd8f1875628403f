using System.Text.Json.Serialization;
using SjdOnnx.Actions;

namespace SjdOnnx.Cli.Act;

/// <summary>The figures of one way to decode, over all answers of all episodes; none is left out.</summary>
/// <param name="Decoding">autoregressive, jacobi or shrinking.</param>
/// <param name="Exit">The exit point; null for none.</param>
/// <param name="Episodes">Attempts.</param>
/// <param name="Done">Attempts that succeeded.</param>
/// <param name="Answers">Answers in all attempts.</param>
/// <param name="Tokens">Tokens of all answers.</param>
/// <param name="Passes">Passes over the window, per answer.</param>
/// <param name="FewestPasses">The fewest of an answer.</param>
/// <param name="MostPasses">The most of an answer.</param>
/// <param name="Rows">Tokens that these passes read, per answer.</param>
/// <param name="Converged">Answers that are those of greedy decoding for certain.</param>
/// <param name="Reading">Seconds to read the picture and the prompt, per answer.</param>
/// <param name="DecodingSeconds">Seconds to decode the other tokens, per answer.</param>
/// <param name="TokensPerSecond">Tokens by the time of reading and decoding.</param>
internal sealed record WayReport(
    string Decoding, int? Exit, int Episodes, int Done, int Answers, int Tokens, double Passes, int FewestPasses, int MostPasses,
    double Rows, int Converged, double Reading, double DecodingSeconds, double TokensPerSecond)
{
    public static WayReport Of(ActionDecoding decoding, IReadOnlyList<Episode> episodes)
    {
        SjdOnnx.Runtime.PolicyAnswer[] answers = [.. episodes.SelectMany(static episode => episode.Answers)];
        ActionAnswer[] decoded = [.. answers.Select(static answer => answer.Decoded)];
        double reading = answers.Sum(static answer => answer.Reading.TotalSeconds);
        double seconds = answers.Sum(static answer => answer.Decoding.TotalSeconds);
        int tokens = decoded.Sum(static answer => answer.Ids.Count);
        int count = Math.Max(1, answers.Length);
        return new WayReport(
            NameOf(decoding.Way), decoding.Exit, episodes.Count, episodes.Count(static episode => episode.IsDone), answers.Length, tokens,
            decoded.Sum(static answer => answer.Passes) / (double)count,
            decoded.Select(static answer => answer.Passes).DefaultIfEmpty().Min(),
            decoded.Select(static answer => answer.Passes).DefaultIfEmpty().Max(),
            decoded.Sum(static answer => answer.Rows) / (double)count,
            decoded.Count(static answer => answer.HasConverged),
            reading / count, seconds / count, tokens / Math.Max(1e-9, reading + seconds));
    }

    /// <summary>The name on the command line.</summary>
    public static string NameOf(ActionWay way) => way switch
    {
        ActionWay.Autoregressive => "ar",
        ActionWay.Jacobi => "jacobi",
        _ => "shrinking",
    };
}

/// <summary>What act --json prints for episodes.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Precision">The precision that ran.</param>
/// <param name="Seed">The seed of the tables and the guesses.</param>
/// <param name="Ways">One for each way to decode.</param>
internal sealed record EpisodesReport(string Model, string Precision, ulong Seed, IReadOnlyList<WayReport> Ways);

/// <summary>What act --json prints for a picture.</summary>
/// <param name="Actions">The numbers of each action.</param>
/// <param name="Ids">The tokens.</param>
/// <param name="Passes">Passes over the window.</param>
/// <param name="Rows">Tokens that these passes read.</param>
/// <param name="Converged">Whether the tokens are those of greedy decoding for certain.</param>
internal sealed record AnswerReport(
    IReadOnlyList<IReadOnlyList<double>> Actions, IReadOnlyList<int> Ids, int Passes, int Rows, bool Converged);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(EpisodesReport))]
[JsonSerializable(typeof(AnswerReport))]
internal sealed partial class ActReportJson : JsonSerializerContext;
