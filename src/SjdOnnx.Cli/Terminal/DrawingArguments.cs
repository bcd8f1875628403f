using System.CommandLine;
using SjdOnnx.Runtime;
using SjdOnnx.Sampling;
using static SjdOnnx.Cli.Terminal.CheckedOption;

namespace SjdOnnx.Cli.Terminal;

/// <summary>The options about what is drawn, with any decoding method.</summary>
internal sealed class DrawingArguments
{
    private readonly Option<Shape?> _size = Size("--size",
        "Width and height in pixels, such as 128x128, or their ratio, such as 16:9 (default: the model's first size)");

    private readonly Option<float?> _guidance = Number<float>("--guidance", "G",
        "How closely the image follows the prompt; 1 is no guidance",
        $"a number from 0 to {SamplingOptions.MaxGuidance}", TheModels, static g => g is >= 0 and <= SamplingOptions.MaxGuidance);

    private readonly Option<string?> _negative = Text("--negative", "TEXT",
        "What the image must not show, for models that read a negative prompt (sjd models show NAME says which; default: the model's)");

    private readonly Option<float?> _temperature = Number<float>("--temperature", "T",
        "1 draws tokens as the model was trained; lower is less varied, and 0 always takes the most probable token",
        $"a number from 0 to {SamplingOptions.MaxTemperature}", TheModels, static t => t is >= 0 and <= SamplingOptions.MaxTemperature);

    private readonly Option<int?> _topK = Number<int>("--top-k", "K", "Draw from the K most probable tokens; 0 is off",
        "a whole number, 0 or more", TheModels, static k => k >= 0);

    private readonly Option<float?> _topP = Number<float>("--top-p", "P",
        "Draw from the most probable tokens that together have probability P; 1 is off",
        "a number above 0, at most 1", TheModels, static p => p is > 0 and <= 1);

    private readonly Option<bool> _noClean = Flag("--no-clean",
        "Give the model the prompt as it is. Some models have prompts cleaned first, as their training captions were");

    public IEnumerable<Option> Options => [_size, _guidance, _negative, _temperature, _topK, _topP, _noClean];

    public string? NegativePrompt(ParseResult parsed) => parsed.GetValue(_negative);

    /// <summary>The options that were given; the model decides the others.</summary>
    public GenerationOptions Read(ParseResult parsed) => new()
    {
        Guidance = parsed.GetValue(_guidance),
        Temperature = parsed.GetValue(_temperature),
        TopK = parsed.GetValue(_topK),
        TopP = parsed.GetValue(_topP),
        Size = parsed.GetValue(_size)?.Size,
        AspectRatio = parsed.GetValue(_size)?.Ratio,
        CleanPrompt = !parsed.GetValue(_noClean),
    };
}
