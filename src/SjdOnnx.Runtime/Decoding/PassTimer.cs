using System.Diagnostics;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>
/// Measures passes as they are when half of the pictures is drawn, by the drafts they carry. Nothing may be under way: it uses the caches.
/// </summary>
/// <param name="request">Its layout and sampling are measured; its prompt is not read.</param>
/// <param name="pictures">Pictures in a pass.</param>
/// <param name="budget">
/// Time after which only what is necessary is measured: a few windows, each twice. Where passes are short there is time for more windows
/// and several rounds.
/// </param>
internal sealed class PassTimer(
    LoadedModel model, ResolvedRequest request, int pictures, TimeSpan budget, CancellationToken cancellation)
{
    private const int PassesInSequence = 2; // the first of a shape may bind and plan
    private const int Rounds = 4;
    private static readonly int[] Necessary = [0, 1, 4, 16, WindowSize.LargestAuto];
    private static readonly int[] Welcome = [2, 8, 32, 3, 6, 12, 24, 48];

    private readonly SortedDictionary<int, double> _seconds = []; // the least, by drafts

    /// <summary>Drafts and seconds, rising from 0 drafts: two entries or more.</summary>
    public IReadOnlyList<(int Drafts, double Seconds)> Measure()
    {
        model.Transformer.Open(pictures);
        Halfway[] models = [.. Enumerable.Range(0, pictures).Select(Begin)];
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < Rounds; round++)
        {
            foreach (int drafts in Necessary.Concat(Welcome))
            {
                bool necessary = round == 0 && Necessary.Contains(drafts);
                if (necessary || Stopwatch.GetElapsedTime(start) < budget)
                    Time(drafts, models);
            }
        }

        // a picture of two rows has no room for drafts
        return _seconds.Count == 1 ? [(0, _seconds[0]), (1, _seconds[0])] : [.. _seconds.Select(entry => (entry.Key, entry.Value))];
    }

    private TokenLayout Layout => request.Layout;

    private TokenLayout Rest => Layout with { Rows = Layout.Rows - (Layout.Rows / 2) };

    /// <summary>A model whose prompt goes on with the first half of a picture.</summary>
    private Halfway Begin(int slot)
    {
        int half = Layout.Rows / 2 * (Layout.Columns + Layout.RowSuffix.Count);
        // Any codes will do, but not one and the same: attention would be unlike any picture's.
        int[] picture = [.. Enumerable.Range(0, half).Select(i => Layout.Id(i, i * 7919 % Layout.Codes))];
        Prompt prompt = model.Prompts.Read(request.Settings with { Prompt = model.Prompts.Sample }, Layout, cancellation);
        Prompt prompted = prompt with { Conditional = [.. prompt.Conditional, .. picture], Unconditional = [.. prompt.Unconditional, .. picture] };
        return new Halfway(
            model.Transformer.With(prompted, Rest, WindowSize.LargestAuto, slot: slot), Layout.Id(position: 0, code: 0));
    }

    private void Time(int drafts, Halfway[] models)
    {
        // Every slot is settled and redrafted: of all methods the most work beside the transformer's, but for sjd2's noise, a few per cent of a pass.
        var decoder = new Decoder(Rest, new MaximalCoupling(new DecodingOptions { WindowSize = drafts }), request.Sampling);
        Picture[] started = [.. models.Select((halfway, i) => decoder.Begin(halfway, new Randomness((ulong)i)))];
        decoder.Advance(model.Transformer, started, cancellation);
        for (int pass = 0; pass < PassesInSequence; pass++)
        {
            if (started.Any(picture => picture.IsComplete || picture.Window.Drafts < drafts))
                return; // a picture too small for such a window
            long start = Stopwatch.GetTimestamp();
            decoder.Advance(model.Transformer, started, cancellation);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            _seconds[drafts] = Math.Min(seconds, _seconds.GetValueOrDefault(drafts, double.MaxValue));
        }
    }

    /// <summary>
    /// A model that takes what it holds for the prompt, so that decoding can begin there again and again at the price of one token.
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
