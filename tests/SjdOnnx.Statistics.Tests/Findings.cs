using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Tests;

namespace SjdOnnx.Statistics.Tests;

internal enum Section
{
    Methods,
    Controls,
    Agreement,
}

/// <summary>The models, and the rows of docs/benchmarks/exactness.md that tests have found.</summary>
public sealed class Findings : IDisposable
{
    private readonly Dictionary<(Section Section, string Key), string> _rows = [];
    private readonly Dictionary<BuiltInModel, int[][]> _autoregressive = [];
    private readonly BuiltInModel _model = new(TestModel.Folder!, Precision.Int8);
    private readonly Lazy<BuiltInModel> _readsNoise = new(() => new BuiltInModel(TestModel.DenoisingFolder!, Precision.Int8));

    public void Dispose()
    {
        _model.Dispose();
        if (_readsNoise.IsValueCreated)
            _readsNoise.Value.Dispose();
    }

    /// <summary>The model whose distribution the method's images should have: the fine-tuned one, if the method reads noise.</summary>
    internal BuiltInModel ModelOf(IDecodingMethod method) => method is IDenoisingMethod ? _readsNoise.Value : _model;

    /// <summary>The codes of autoregressive images, drawn when they are first needed.</summary>
    internal int[][] AutoregressiveCodes(BuiltInModel model, Func<int[][]> draw)
    {
        if (!_autoregressive.TryGetValue(model, out int[][]? codes))
            _autoregressive.Add(model, codes = draw());
        return codes;
    }

    internal void Add(Section section, string key, string[] cells) => _rows.Add((section, key), $"| {string.Join(" | ", cells)} |");

    internal IEnumerable<string> Keys(Section section) =>
        _rows.Keys.Where(row => row.Section == section).Select(static row => row.Key);

    internal void WritePage([CallerFilePath] string file = "") => File.WriteAllText(
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", "docs", "benchmarks", "exactness.md")), Text());

    private string Text()
    {
        var page = new StringBuilder();
        page.AppendLine(CultureInfo.InvariantCulture, $"""
            # Exactness on the built-in model

            `./test --long` writes this page (`tests/SjdOnnx.Statistics.Tests`). The methods draw at int8 with the model's default sampling:
            `sjd2` with three denoising steps on `emoji-sjd2`, every other method on `emoji`. For each row a method draws
            {ExactnessTests.OfOnePrompt} images of one prompt and {ExactnessTests.OfManyPrompts} images of held-out prompts. The model then
            reads each finished image, which gives the distribution of every code. If each code was drawn from its distribution, all
            deviates below are standard normal. A test fails beyond {ExactnessTests.Limit}.

            - *log-likelihood*: Σ (−log p(x) − entropy of p), divided by its standard deviation.
            - *transforms*: the largest deviate of 51 tests that randomized probability integral transforms are uniform and independent: in
              three orders of the codes, by row, by column, and by place in the pass that committed the code.
            - *acceptance*: how often drafts stood, compared with how often they should, Σ min(p, q). It does not apply to methods that
              accept by another rule.
            - *against `ar`*: the significance of the difference between the {ExactnessTests.OfOnePrompt} images of one prompt and
              {ExactnessTests.OfOnePrompt} autoregressive images of it. The counts of codes, of pairs of neighbors (beside and above) and of
              runs of equal codes are compared; the significance comes from exchanging whole images, with Bonferroni over the four tests.
            - *window*: the mean total variation between the distribution that a pass predicted for its first open position and the one from
              reading the finished image. It shows rounding: a lone token uses another attention kernel than several, and at int8 that may
              move an activation to another step. Tests of sampling cannot see differences smaller than this.

            | method | window | tokens | per pass | log-likelihood | transforms | acceptance | against `ar` | window |
            |---|---|---|---|---|---|---|---|---|
            """);
        AppendRows(Section.Methods);
        page.AppendLine("""

            ## Mistakes that these tests find

            | mistake | tokens | log-likelihood | transforms | acceptance |
            |---|---|---|---|---|
            """);
        AppendRows(Section.Controls);
        page.AppendLine("""

            ## `exact`, same seeds

            Images with windows of 1 to 8, 16 and 64 drafts are compared with those of `exact` without drafts, and these with the images of
            `ar`. `ar` reads one row of a pass, for which ONNX Runtime's attention has a kernel of its own.

            | precision | images | not the same codes | images of `ar` | not the same codes |
            |---|---|---|---|---|
            """);
        AppendRows(Section.Agreement);
        return page.ToString();

        void AppendRows(Section section)
        {
            IEnumerable<string> rows = _rows.Where(row => row.Key.Section == section).Select(static row => row.Value);
            page.AppendJoin('\n', rows.Order(StringComparer.Ordinal)).AppendLine();
        }
    }
}
