using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Engine;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;
using SjdOnnx.Sampling;
using SjdOnnx.Windows;

namespace SjdOnnx.Runtime.Costs;

/// <summary>
/// Measures how long passes take when half of each image is drawn, by the drafts that they carry. No image may be under way, because the
/// measurement uses the caches.
/// </summary>
/// <param name="request">Its layout and sampling are measured; its prompt is not read.</param>
/// <param name="images">Images in a pass.</param>
/// <param name="budget">
/// The time after which only what is necessary is measured: a few windows, twice each. Where passes are short, the time is enough for more
/// windows and several rounds.
/// </param>
internal sealed class PassTimer(
    LoadedModel model, ResolvedRequest request, int images, TimeSpan budget, CancellationToken cancellation)
{
    private const int PassesInSequence = 4; // the first of a shape may bind and plan, and finds the caches as another shape left them
    private const int Rounds = 6;
    private static readonly int[] Windows = [0, 1, 2, 4, 8, 16, 32, WindowSize.MaxAuto];
    private static readonly int[] Necessary = [0, 1, 4, 16, WindowSize.MaxAuto];

    private readonly SortedDictionary<int, double> _seconds = []; // the least, by drafts

    /// <summary>Drafts and seconds, rising from 0 drafts: two entries or more.</summary>
    public IReadOnlyList<(int Drafts, double Seconds)> Measure()
    {
        model.Transformer.Open(images);
        Halfway[] models = [.. Enumerable.Range(0, images).Select(Begin)];
        foreach (int drafts in model.Transformer.BelongsToThread ? Windows : [])
            Time(drafts, models); // captures the passes, which takes as long as several
        _seconds.Clear();
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < Rounds; round++)
        {
            foreach (int drafts in Windows)
            {
                bool necessary = round == 0 && Necessary.Contains(drafts);
                if (necessary || Stopwatch.GetElapsedTime(start) < budget)
                    Time(drafts, models);
            }
        }

        // an image of two rows has no room for drafts
        return _seconds.Count == 1 ? [(0, _seconds[0]), (1, _seconds[0])] : [.. _seconds.Select(entry => (entry.Key, entry.Value))];
    }

    private TokenLayout Layout => request.Layout;

    private TokenLayout Rest => Layout with { Rows = Layout.Rows - (Layout.Rows / 2) };

    /// <summary>A model whose prompt ends with the first half of an image.</summary>
    private Halfway Begin(int place)
    {
        int half = Layout.Rows / 2 * (Layout.Columns + Layout.RowSuffix.Count);
        // Different codes: with a single one, attention would be unlike that of any image.
        int[] image = [.. Enumerable.Range(0, half).Select(i => Layout.Id(i, i * 7919 % Layout.Codes))];
        Prompt prompt = model.Prompts.Encode(
            model.Prompts.Read(request.Settings with { Prompt = model.Prompts.Sample }, Layout), cancellation);
        Prompt prompted = prompt with
        {
            Conditional = [.. prompt.Conditional, .. image],
            Unconditional = [.. prompt.Unconditional, .. image],
        };
        return new Halfway(
            new PromptedTransformer(model.Transformer, prompted, Rest, WindowSize.MaxAuto, place: place), Layout.Id(position: 0, code: 0));
    }

    private void Time(int drafts, Halfway[] models)
    {
        // Settling and redrafting every slot is the most work beside the transformer's, except for the noise of sjd2: a few percent of a
        // pass.
        var decoder = new Decoder(Rest, new MaximalCoupling(), request.Sampling, new FixedWindow(drafts));
        Sequence[] started = [.. models.Select((halfway, i) => decoder.Begin(halfway, new Randomness((ulong)i)))];
        model.Advance(started, failed: null, cancellation);
        for (int pass = 0; pass < PassesInSequence; pass++)
        {
            if (started.Any(sequence => sequence.IsComplete || sequence.Window.Drafts < drafts))
                return; // the image is too small for such a window
            long start = Stopwatch.GetTimestamp();
            model.Advance(started, failed: null, cancellation);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            _seconds[drafts] = Math.Min(seconds, _seconds.GetValueOrDefault(drafts, double.MaxValue));
        }
    }

    /// <summary>
    /// A model that treats the tokens it holds as the prompt, so that decoding can begin there again at the price of one token.
    /// </summary>
    private sealed class Halfway(PromptedTransformer inner, int id) : IPromptedModel
    {
        private readonly int[] _start = [id];
        private bool _prefilled;
        private int _offset;

        public int Codes => inner.Codes;

        public Logits Logits => inner.Logits;

        public void FeedPrompt()
        {
            if (!_prefilled)
            {
                inner.FeedPrompt();
                _prefilled = true;
                return;
            }

            inner.Truncate(0);
            inner.Feed(_start, rows: 1, parents: []);
            _offset = 1;
        }

        public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents) => inner.Feed(ids, rows, parents);

        public void Truncate(int length) => inner.Truncate(_offset + length);
    }
}
