using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Actions;

/// <summary>A prompt as ids.</summary>
/// <param name="Ids">All of them; those from the vocabulary's size on stand for the picture's patches.</param>
/// <param name="Text">Those without the patches.</param>
internal sealed record PolicyPrompt(int[] Ids, int[] Text)
{
    public static PolicyPrompt Of(PolicyManifest manifest, TextTokenizer tokenizer, string instruction)
    {
        if (manifest.Prompt.Lowercase)
            instruction = instruction.ToLowerInvariant();
        string[] around = manifest.Prompt.Text.Split(PolicyManifest.ImagePlace);
        int[][] parts = [.. around.Select(part => part.Length == 0
            ? []
            : tokenizer.Encode(part.Replace(PolicyManifest.InstructionPlace, instruction, StringComparison.Ordinal)))];
        int[] end = manifest.Prompt.End is { } id && (parts[1] is not [.., var last] || last != id) ? [id] : [];
        IEnumerable<int> patches = Enumerable.Range(manifest.Transformer.Vocabulary, manifest.Vision.Patches);
        int begin = manifest.Prompt.Begin;
        return new PolicyPrompt([begin, .. parts[0], .. patches, .. parts[1], .. end], [begin, .. parts[0], .. parts[1], .. end]);
    }
}
