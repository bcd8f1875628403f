using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Transformers;

/// <summary>The transformer as one image sees it, with the image's prompt and cache.</summary>
internal class PromptedTransformer : IPromptedModel
{
    private readonly Transformer _transformer;
    private readonly bool _inPairs;

    /// <summary>Takes the cache of <paramref name="place"/> and makes it large enough.</summary>
    /// <param name="maxDrafts">The most drafts in a pass.</param>
    /// <param name="branches">The most tokens beside the drafts in a pass: other codes, or timestep tokens.</param>
    /// <param name="place">Which of the images that are drawn together, from 0: each has a cache of its own.</param>
    /// <param name="inPairs">Whether a lone token is padded to two, so that rounding does not depend on the number of drafts.</param>
    public PromptedTransformer(
        Transformer transformer, Prompt prompt, TokenLayout layout, int maxDrafts, int branches = 0, int place = 0, bool inPairs = false)
        : this(transformer, prompt, layout, maxDrafts, branches, place, inPairs, denoisingSteps: 0)
    {
    }

    /// <inheritdoc cref="PromptedTransformer(Transformer, Prompt, TokenLayout, int, int, int, bool)"/>
    /// <param name="denoisingSteps">Steps from noise to a code; 0 if no noise is read.</param>
    protected PromptedTransformer(
        Transformer transformer, Prompt prompt, TokenLayout layout, int maxDrafts, int branches, int place, bool inPairs,
        int denoisingSteps)
    {
        (_transformer, _inPairs) = (transformer, inPairs);
        int longest = Math.Max(prompt.Conditional.Length, prompt.Unconditional.Length);
        int drafts = Math.Min(maxDrafts, layout.LastCode);
        // A pass reads the code just committed, the structure that followed it, the drafts and the branches. It reads again what the pass
        // before committed from branches, and not from drafts.
        int tokens = 1 + layout.RowSuffix.Count + drafts + branches + drafts;
        int longestPass = transformer.Padded(tokens + 1); // a lone token may be padded to two
        KeyValueCache cache = transformer.Prepare(
            place, longest + layout.Length + branches, Math.Max(longest, longestPass), transformer.Padded(1 + drafts + branches),
            tree: branches > 0);
        NoisyEmbeddings? noise = denoisingSteps == 0 ? null : transformer.Noise(denoisingSteps, tokens);
        Entry = new PassEntry(cache, prompt, transformer.Lanes, longestPass, noise);
    }

    public int Codes => _transformer.Codes;

    public Logits Logits
    {
        get
        {
            int lane = Entry.Rows * Codes;
            return new Logits(Entry.Logits[0].Span[..lane], Entry.Lanes == 1 ? [] : Entry.Logits[1].Span[..lane], Codes);
        }
    }

    protected PassEntry Entry { get; }

    /// <summary>A model for a method that may read noise.</summary>
    /// <inheritdoc cref="PromptedTransformer(Transformer, Prompt, TokenLayout, int, int, int, bool)"/>
    public static PromptedTransformer For(
        IDecodingMethod method, Transformer transformer, Prompt prompt, TokenLayout layout, int maxDrafts, int place)
    {
        // Without drafts, exact reads a lone token in a pair, so that its image is the same at every window: on the CPU, attention has
        // another kernel for one token than for several, and at int8 what it rounds differently changed 98 of 100 images of the built-in
        // model. ar has no other window to agree with, and takes the fast kernel.
        bool inPairs = method.Descriptor is { IsSeedExact: true, HasDrafts: true };
        int branches = method.TokensBeside(maxDrafts);
        return method is IDenoisingMethod { DenoisingSteps: { } steps }
            ? new NoisyTransformer(transformer, prompt, layout, maxDrafts, branches, place, inPairs, steps)
            : new PromptedTransformer(transformer, prompt, layout, maxDrafts, branches, place, inPairs);
    }

    public void FeedPrompt()
    {
        Entry.SetPrompt();
        _transformer.Enter(Entry);
    }

    public void Feed(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> parents)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, ids.Length);
        Entry.SetIds(ids, rows, parents, _inPairs);
        _transformer.Enter(Entry);
    }

    public void Truncate(int length) => Entry.Truncate(length);
}

/// <summary>A <see cref="PromptedTransformer"/> that reads open positions as noise.</summary>
internal sealed class NoisyTransformer(
    Transformer transformer, Prompt prompt, TokenLayout layout, int maxDrafts, int branches, int place, bool inPairs, int denoisingSteps)
    : PromptedTransformer(transformer, prompt, layout, maxDrafts, branches, place, inPairs, denoisingSteps), INoisyModel
{
    public void FeedNoisy(ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> steps, Randomness randomness)
    {
        int position = Entry.Generated;
        Feed(ids, rows, parents: []);
        Entry.SetNoise(position, steps, randomness);
    }
}
