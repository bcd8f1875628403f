using System.CommandLine;
using SjdOnnx.Runtime;
using SjdOnnx.Sampling;
using static SjdOnnx.Cli.CheckedOption;

namespace SjdOnnx.Cli;

/// <summary>The options about what is drawn and from which probabilities, whatever the decoding method.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<float?> _guidance = Number<float>("--guidance", "G", "How closely to follow the prompt, 1 is no guidance",
        $"a number from 0 to {SamplingOptions.LargestGuidance}", TheModels, g => g is >= 0 and <= SamplingOptions.LargestGuidance);

    private readonly Option<float?> _temperature = Number<float>("--temperature", "T",
        "1 draws as the model was trained, 0 always takes the likeliest token",
        $"a number from 0 to {SamplingOptions.LargestTemperature}", TheModels, t => t is >= 0 and <= SamplingOptions.LargestTemperature);

    private readonly Option<int?> _topK = Number<int>("--top-k", "K", "Draw only from the K likeliest tokens, 0 is off",
        "a whole number, 0 or more", TheModels, k => k >= 0);

    private readonly Option<float?> _topP = Number<float>("--top-p", "P",
        "Draw only from the likeliest tokens that together have probability P, 1 is off",
        "a number above 0, at most 1", TheModels, p => p is > 0 and <= 1);

    private readonly Option<Shape?> _size = Size("--size",
        "Width and height in pixels, such as 128x128, or their ratio, such as 16:9 [default: the model's first]");

    private readonly Option<string?> _negative = Text("--negative", "", "TEXT",
        "What the picture must not show, for models that read that (see sjd models show) [default: the model's]");

    private readonly Option<bool> _noClean = Flag("--no-clean", "Give the model the prompt as it is, where it would be cleaned first");

    public IEnumerable<Option> Options => [_guidance, _temperature, _topK, _topP, _size, _negative, _noClean];

    /// <returns><paramref name="request"/> with what was given; the rest is left to the model.</returns>
    public GenerationRequest Complete(GenerationRequest request, ParseResult parsed) => request with
    {
        Guidance = parsed.GetValue(_guidance),
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        Size = parsed.GetValue(_size)?.Size,
        AspectRatio = parsed.GetValue(_size)?.Ratio,
        Negative = parsed.GetValue(_negative),
        Clean = !parsed.GetValue(_noClean),
    };
}
