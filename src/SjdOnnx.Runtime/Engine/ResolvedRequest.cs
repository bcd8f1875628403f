using SjdOnnx.Decoding;
using SjdOnnx.Runtime.Prompts;
using SjdOnnx.Sampling;

namespace SjdOnnx.Runtime.Engine;

/// <summary>A request with every default filled in, checked, and with its prompt as token ids.</summary>
/// <param name="Settings">What was asked for.</param>
/// <param name="Sampling">How logits become probabilities.</param>
/// <param name="Layout">The image's tokens.</param>
/// <param name="Sequential">Codes at the beginning and at the end that are drawn without drafts.</param>
/// <param name="PreviewEveryRows">Rows between previews; 0 for none.</param>
/// <param name="Trace">Whether to record the window after each pass.</param>
internal sealed record ResolvedRequest(
    GenerationSettings Settings, SamplingOptions Sampling, TokenLayout Layout, SequentialCodes Sequential, int PreviewEveryRows,
    bool Trace)
{
    /// <summary>The prompt as token ids.</summary>
    public Prompt? Prompt { get; init; }

    /// <summary>The decoding method.</summary>
    public IDecodingMethod Method => Settings.Method;

    /// <summary>Whether the method needs the graph for trees, so that no other image can share its passes.</summary>
    public bool NeedsTree => Method.TokensBeside(MaxDrafts) > 0;

    /// <summary>Whether each pass chooses how many drafts it carries.</summary>
    public bool ChoosesWindow => Settings.Window.IsAuto;

    /// <summary>The most drafts in a pass.</summary>
    public int MaxDrafts => Settings.Window.Drafts ?? WindowSize.MaxAuto;
}
