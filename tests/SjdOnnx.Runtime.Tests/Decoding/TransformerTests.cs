using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Decoding;

namespace SjdOnnx.Runtime.Tests.Decoding;

public sealed class TransformerTests : IDisposable
{
    private const float Tolerance = 1e-3f;
    private readonly Lazy<OpenModel> _model = new(() => new OpenModel());

    private Transformer Transformer => _model.Value.Transformer;

    private TokenLayout Layout => _model.Value.Layout;

    /// <summary>
    /// Windows of wrong drafts, each rolled back to a prefix that stood, leave nothing behind in the cache of either lane.
    /// </summary>
    [ModelFact]
    public void After_wrong_drafts_the_cache_is_that_of_the_committed_tokens()
    {
        PromptedTransformer speculative = Transformer.With(Prompt(), Layout, 16);
        speculative.Prefill();
        for (var position = 0; position < 50; position += 1 + (position % 4))
        {
            int accepted = position % 4;
            IEnumerable<int> right = Enumerable.Range(position, accepted + 1).Select(Committed);
            IEnumerable<int> wrong = Enumerable.Range(0, 16 - accepted).Select(draft => Code(1000 + position + draft));
            int[] ids = [.. right, .. wrong];
            speculative.Forward(ids, 1);
            speculative.Truncate(position + accepted + 1);
        }
        (float[] Conditional, float[] Unconditional) actual = Copy(speculative.Forward([Committed(Length())], 1));

        PromptedTransformer fresh = Transformer.With(Prompt(), Layout, 64);
        fresh.Prefill();
        int[] all = [.. Enumerable.Range(0, Length() + 1).Select(Committed)];
        (float[] Conditional, float[] Unconditional) expected = Copy(fresh.Forward(all, 1));

        AssertClose(expected.Conditional, actual.Conditional);
        AssertClose(expected.Unconditional, actual.Unconditional);

        static int Length()
        {
            var position = 0;
            while (position < 50)
                position += 1 + (position % 4);
            return position;
        }
    }

    /// <summary>The wanted rows are the last ones of each lane, in order.</summary>
    [ModelFact]
    public void Rows_of_a_window_are_those_of_one_token_at_a_time()
    {
        int[] ids = [.. Enumerable.Range(0, 6).Select(Committed)];
        PromptedTransformer window = Transformer.With(Prompt(), Layout, 8);
        window.Prefill();
        var rows = new List<(float[] Conditional, float[] Unconditional)>();
        Logits logits = window.Forward(ids, 4);
        for (var row = 0; row < 4; row++)
            rows.Add((logits.Conditional(row).ToArray(), logits.Unconditional(row).ToArray()));

        PromptedTransformer single = Transformer.With(Prompt(), Layout, 8);
        single.Prefill();
        for (var i = 0; i < ids.Length; i++)
        {
            (float[] Conditional, float[] Unconditional) expected = Copy(single.Forward([ids[i]], 1));
            if (i < 2)
                continue;
            AssertClose(expected.Conditional, rows[i - 2].Conditional);
            AssertClose(expected.Unconditional, rows[i - 2].Unconditional);
        }
    }

    [ModelFact]
    public void Lanes_are_the_prompt_and_its_absence()
    {
        Prompt prompt = Prompt();
        (float[] Conditional, float[] Unconditional) guided = Copy(Transformer.With(prompt, Layout, 4).Prefill());
        var exchanged = new Prompt(prompt.Unconditional, prompt.Conditional);
        (float[] Conditional, float[] Unconditional) swapped = Copy(Transformer.With(exchanged, Layout, 4).Prefill());

        AssertClose(guided.Conditional, swapped.Unconditional);
        AssertClose(guided.Unconditional, swapped.Conditional);
        Assert.NotEqual(guided.Conditional, guided.Unconditional);
    }

    /// <summary>Seen from inside: ONNX Runtime itself gave up, not our look at the token before the Run.</summary>
    [ModelFact]
    public void A_pass_is_interrupted_in_the_middle()
    {
        // Longer than any prompt, so that there is a middle.
        int[] words = [.. Enumerable.Repeat(Layout.FirstCode, 200)];
        PromptedTransformer prompted = Transformer.With(new Prompt(words, words), Layout, 16);
        var interrupted = false;
        for (var attempt = 0; attempt < 200 && !interrupted; attempt++)
        {
            using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(1 + (attempt % 20)));
            try
            {
                prompted.Prefill(stop.Token);
            }
            catch (OperationCanceledException error)
            {
                interrupted = error.InnerException is OnnxRuntimeException && error.CancellationToken == stop.Token;
            }
        }

        Assert.True(interrupted);
        Assert.Equal(Transformer.Codes, prompted.Prefill().Conditional(0).Length);
    }

    /// <summary>Alone, a token would take another path through attention than in a window.</summary>
    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void A_token_read_in_a_pair_has_the_row_that_it_has_in_a_window_to_the_bit(string precision)
    {
        using var model = new OpenModel(precision);
        int[] ids = [.. Enumerable.Range(0, 6).Select(model.Committed)];
        Prompt prompt = model.Prompt();
        PromptedTransformer window = model.Transformer.With(prompt, model.Layout, 8);
        window.Prefill();
        Logits logits = window.Forward(ids, 6);
        float[][] expected = [.. Rows(logits)];

        PromptedTransformer pairs = model.Transformer.With(prompt, model.Layout, 8, inPairs: true);
        pairs.Prefill();
        for (var i = 0; i < ids.Length; i++)
            Assert.Equal(expected[i], OpenModel.Conditional(pairs.Forward([ids[i]], 1), 0));

        static List<float[]> Rows(Logits logits)
        {
            var rows = new List<float[]>();
            for (var row = 0; row < logits.Rows; row++)
                rows.Add(OpenModel.Conditional(logits, row));
            return rows;
        }
    }

    [ModelFact]
    public void A_pass_of_a_known_shape_allocates_nothing()
    {
        PromptedTransformer prompted = Transformer.With(Prompt(), Layout, 16);
        prompted.Prefill();
        int[] ids = [.. Enumerable.Range(0, 17).Select(Committed)];
        using var stop = new CancellationTokenSource();
        Assert.Equal(0, Allocations.Least(Pass));

        void Pass()
        {
            prompted.Forward(ids, 17, stop.Token);
            prompted.Truncate(0);
        }
    }

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
    }

    /// <summary>Lanes of different length.</summary>
    private Prompt Prompt() => _model.Value.Prompt();

    private int Code(int i) => _model.Value.Code(i);

    private int Committed(int position) => _model.Value.Committed(position);

    private static (float[] Conditional, float[] Unconditional) Copy(Logits logits) =>
        (logits.Conditional(0).ToArray(), logits.Unconditional(0).ToArray());

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], Tolerance);
    }
}
