using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Runtime.Transformers;

namespace SjdOnnx.Runtime.Tests.Transformers;

public sealed class TransformerTests : IDisposable
{
    private const float Tolerance = 1e-3f;
    private readonly Lazy<OpenModel> _model = new(() => new OpenModel());

    private OpenModel Model => _model.Value;

    /// <summary>
    /// Windows of wrong drafts are each cut back to the prefix that stood; they must leave nothing in the cache of either lane.
    /// </summary>
    [ModelFact]
    public void After_wrong_drafts_the_cache_holds_the_committed_tokens_alone()
    {
        PromptedTransformer speculative = Model.With(Model.Prompt(), 16);
        Model.Prefill(speculative);
        for (var position = 0; position < 50; position += 1 + (position % 4))
        {
            int accepted = position % 4;
            IEnumerable<int> right = Enumerable.Range(position, accepted + 1).Select(Model.Committed);
            IEnumerable<int> wrong = Enumerable.Range(0, 16 - accepted).Select(draft => Model.Code(1000 + position + draft));
            int[] ids = [.. right, .. wrong];
            Model.Forward(speculative, ids, 1);
            speculative.Truncate(position + accepted + 1);
        }
        (float[] Conditional, float[] Unconditional) actual = Copy(Model.Forward(speculative, [Model.Committed(Length())], 1));

        PromptedTransformer fresh = Model.With(Model.Prompt(), 64);
        Model.Prefill(fresh);
        int[] all = [.. Enumerable.Range(0, Length() + 1).Select(Model.Committed)];
        (float[] Conditional, float[] Unconditional) expected = Copy(Model.Forward(fresh, all, 1));

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

    /// <summary>The rows are those of the last tokens of each lane, in order.</summary>
    [ModelFact]
    public void Rows_of_a_window_are_those_of_one_token_at_a_time()
    {
        int[] ids = [.. Enumerable.Range(0, 6).Select(Model.Committed)];
        PromptedTransformer window = Model.With(Model.Prompt(), 8);
        Model.Prefill(window);
        var rows = new List<(float[] Conditional, float[] Unconditional)>();
        Logits logits = Model.Forward(window, ids, 4);
        for (var row = 0; row < 4; row++)
            rows.Add((logits.Conditional(row).ToArray(), logits.Unconditional(row).ToArray()));

        PromptedTransformer single = Model.With(Model.Prompt(), 8);
        Model.Prefill(single);
        for (var i = 0; i < ids.Length; i++)
        {
            (float[] Conditional, float[] Unconditional) expected = Copy(Model.Forward(single, [ids[i]], 1));
            if (i < 2)
                continue;
            AssertClose(expected.Conditional, rows[i - 2].Conditional);
            AssertClose(expected.Unconditional, rows[i - 2].Unconditional);
        }
    }

    [ModelFact]
    public void One_lane_reads_the_prompt_and_the_other_does_not()
    {
        Prompt prompt = Model.Prompt();
        (float[] Conditional, float[] Unconditional) guided = Copy(Model.Prefill(Model.With(prompt, 4)));
        var exchanged = new Prompt(prompt.Unconditional, prompt.Conditional);
        (float[] Conditional, float[] Unconditional) swapped = Copy(Model.Prefill(Model.With(exchanged, 4)));

        AssertClose(guided.Conditional, swapped.Unconditional);
        AssertClose(guided.Unconditional, swapped.Conditional);
        Assert.NotEqual(guided.Conditional, guided.Unconditional);
    }

    /// <summary>ONNX Runtime itself stops, which its own exception shows; this is not the check of the token before the Run.</summary>
    [ModelFact]
    public async Task A_pass_is_interrupted_in_the_middle()
    {
        // Longer than any prompt, so that there is a middle.
        int[] words = [.. Enumerable.Repeat(Model.Layout.FirstCode, 200)];
        PromptedTransformer prompted = Model.With(new Prompt(words, words), 16);
        bool interrupted = false;
        using var begins = new SemaphoreSlim(0);
        for (int attempt = 0; attempt < 200 && !interrupted; attempt++)
        {
            using var stop = new CancellationTokenSource();
            Task cancelling = Task.Run(() =>
            {
                begins.Wait();
                Thread.SpinWait(10_000 * (1 + (attempt % 20))); // where the pass then is, differs from attempt to attempt
                stop.Cancel();
            });
            begins.Release();
            Exception? error = Record.Exception(() => Model.Prefill(prompted, stop.Token));
            await cancelling;
            interrupted = error is OperationCanceledException { InnerException: OnnxRuntimeException } stopped
                && stopped.CancellationToken == stop.Token;
        }

        Assert.True(interrupted);
        Assert.Equal(Model.Transformer.Codes, Model.Prefill(prompted).Conditional(0).Length);
    }

    /// <summary>A lone token would use another attention kernel than the tokens of a window.</summary>
    [ModelTheory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void A_lone_token_padded_to_a_pair_has_the_logits_that_it_has_in_a_window(string precision)
    {
        using var model = new OpenModel(Precision.Parse(precision));
        int[] ids = [.. Enumerable.Range(0, 6).Select(model.Committed)];
        Prompt prompt = model.Prompt();
        PromptedTransformer window = model.With(prompt, 8);
        model.Prefill(window);
        Logits logits = model.Forward(window, ids, 6);
        float[][] expected = [.. Rows(logits)];

        PromptedTransformer pairs = model.With(prompt, 8, inPairs: true);
        model.Prefill(pairs);
        for (var i = 0; i < ids.Length; i++)
            Assert.Equal(expected[i], OpenModel.Conditional(model.Forward(pairs, [ids[i]], 1), 0));

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
        PromptedTransformer prompted = Model.With(Model.Prompt(), 16);
        Model.Prefill(prompted);
        int[] ids = [.. Enumerable.Range(0, 17).Select(Model.Committed)];
        using var stop = new CancellationTokenSource();
        Assert.Equal(0, Allocations.Least(Pass));

        void Pass()
        {
            Model.Forward(prompted, ids, 17, cancellation: stop.Token);
            prompted.Truncate(0);
        }
    }

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
    }

    private static (float[] Conditional, float[] Unconditional) Copy(Logits logits) =>
        (logits.Conditional(0).ToArray(), logits.Unconditional(0).ToArray());

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], Tolerance);
    }
}
