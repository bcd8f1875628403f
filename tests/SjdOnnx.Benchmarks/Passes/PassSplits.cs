using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Onnx;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Benchmarks.Passes;

/// <summary>
/// Times forward passes of a whole Run on all cores, and split by lanes into groups on a core each. The ways are timed in turns, so that
/// what else the machine does meets all of them.
/// </summary>
internal static class PassSplits
{
    private const int Cached = 130; // tokens of a lane before the pass
    private const int InSequence = 4; // passes of a turn: the first one follows another shape of pass
    private static readonly int[] Sizes = [1, 2, 3, 5, 9, 17, 33, 65];

    /// <param name="folder">Holds model.json.</param>
    /// <param name="rounds">Turns of each way and size.</param>
    public static void Run(string folder, string precision, int images, int rounds)
    {
        int[] ways = [1, .. Enumerable.Range(1, 6).Select(static power => 1 << power).TakeWhile(
            groups => groups <= Math.Min(Environment.ProcessorCount, 2 * images))];
        Timed[] all = [.. ways.Select(groups => new Timed(folder, precision, images, groups))];
        for (int round = 0; round < rounds; round++)
        {
            foreach (int tokens in Sizes)
            {
                foreach (Timed way in round % 2 == 0 ? all : [.. all.Reverse()])
                    way.Time(tokens, InSequence);
            }
        }

        Console.WriteLine(
            $"{Path.GetFileName(Path.GetFullPath(folder))} {precision}, images of a pass: {images}, ONNX Runtime " +
            $"{OnnxRuntimeLibrary.Version}, {Environment.ProcessorCount} cores; milliseconds: the least, the median");
        Console.WriteLine($"| groups |{string.Concat(Sizes.Select(static size => $" {size} |"))}");
        foreach (Timed way in all)
        {
            Console.WriteLine(
                $"| {way.Groups} |{string.Concat(Sizes.Select(size => $" {way.Least(size):0.00}, {way.Median(size):0.00} |"))}");
        }

        foreach (Timed way in all[1..])
        {
            Console.WriteLine(
                $"| {way.Groups} / 1, medians |{string.Concat(Sizes.Select(size => $" {way.Median(size) / all[0].Median(size):0.00} |"))}");
        }

        foreach (Timed way in all)
            way.Dispose();
    }

    private sealed class Timed : IDisposable
    {
        private readonly LoadedModel _model;
        private readonly PromptedTransformer[] _images;
        private readonly TokenLayout _layout;
        private readonly Dictionary<int, List<double>> _milliseconds = [];

        public Timed(string folder, string precision, int images, int groups)
        {
            Groups = groups;
            ModelFolder opened = ModelFolder.Open(folder, precision);
            Provider provider = Provider.Of(ExecutionProvider.Cpu);
            var resolver = new RequestResolver(opened.Manifest, Precision.Parse(precision), provider, Environment.ProcessorCount);
            ResolvedRequest request = resolver.Resolve(new GenerationRequest { Prompt = "a fox" }, new GenerationOptions());
            _layout = request.Layout;
            _model = LoadedModel.Open(
                opened, provider, Environment.ProcessorCount,
                new TextToImageOptions { HashVerification = HashVerification.None, ExpectedBatch = images },
                groupsOf: groups == 1 ? null : _ => groups);
            Prompt prompt = _model.Prompts.Encode(_model.Prompts.Read(request.Settings, _layout), CancellationToken.None);
            int[] drawn = [.. Enumerable.Range(0, Cached - prompt.Conditional.Length).Select(Code)];
            prompt = prompt with
            {
                Conditional = [.. prompt.Conditional, .. drawn],
                Unconditional = [.. prompt.Unconditional, .. drawn],
            };
            _images = [.. Enumerable.Range(0, images).Select(
                place => new PromptedTransformer(_model.Transformer, prompt, _layout, maxDrafts: Sizes[^1], place: place))];
            foreach (PromptedTransformer image in _images)
                image.FeedPrompt();
            _model.Transformer.Run(CancellationToken.None);
        }

        public int Groups { get; }

        public double Least(int tokens) => _milliseconds[tokens].Min();

        public double Median(int tokens) => _milliseconds[tokens].Order().ElementAt(_milliseconds[tokens].Count / 2);

        public void Time(int tokens, int passes)
        {
            int[] ids = [.. Enumerable.Range(0, tokens).Select(Code)];
            if (!_milliseconds.TryGetValue(tokens, out List<double>? times))
                _milliseconds.Add(tokens, times = []);
            for (int pass = 0; pass < passes; pass++)
            {
                foreach (PromptedTransformer image in _images)
                {
                    image.Truncate(0);
                    image.Feed(ids, rows: tokens, parents: []);
                }

                long start = Stopwatch.GetTimestamp();
                _model.Transformer.Run(CancellationToken.None);
                if (pass > 0)
                    times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        public void Dispose() => _model.Dispose();

        /// <summary>Different codes: with a single one, attention would be unlike that of any image.</summary>
        private int Code(int i) => _layout.Id(i, i * 7919 % _layout.Codes);
    }
}
