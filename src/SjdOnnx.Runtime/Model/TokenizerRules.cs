using System.Globalization;
using SjdOnnx.Runtime.Text;
using static SjdOnnx.Runtime.Model.Requirement;

namespace SjdOnnx.Runtime.Model;

/// <summary>The rules of model.json for the tokenizer of a model of any kind.</summary>
internal static class TokenizerRules
{
    private const int MaxCodePoint = 0x10FFFF;

    /// <param name="tokenizer">The section.</param>
    /// <param name="files">The files that model.json names.</param>
    /// <param name="kinds">The kinds of tokenizer that models of this kind can have.</param>
    /// <exception cref="ModelException">A field has a wrong value, or a file is not among the files, or too large.</exception>
    public static void Check(TokenizerSection tokenizer, Dictionary<string, FileSection> files, params string[] kinds)
    {
        Require(kinds.Contains(tokenizer.Kind), $"tokenizer.kind is '{tokenizer.Kind}'; it can be {Names(kinds)}");
        Require(tokenizer.Kind == "bpe" || tokenizer.Merges is null,
            $"tokenizer.merges names a file, and tokenizer.kind is {tokenizer.Kind}; only bpe has merges");
        RequireNoNull("tokenizer.normalizers", tokenizer.Normalizers);
        foreach (string name in tokenizer.Normalizers)
        {
            Require(TextTokenizer.NormalizerNames.Contains(name),
                $"tokenizer.normalizers has '{name}'; it can have {Names(TextTokenizer.NormalizerNames)}");
        }

        RequireNoNull("tokenizer.splits", tokenizer.Splits);
        Require(tokenizer.Splits.All(split => split.Length > 0), "tokenizer.splits has an empty expression, which would match nothing");
        RequireNoNull("tokenizer.standIns", tokenizer.StandIns);
        Require(tokenizer.StandIns.All(static named =>
                named is [> char.MaxValue and <= MaxCodePoint, > char.MaxValue and <= MaxCodePoint, >= 0 and <= char.MaxValue]
                && named[0] <= named[1]),
            "tokenizer.standIns must hold the first and last of characters past U+FFFF, and one up to U+FFFF that stands for them");
        Require(tokenizer.Characters.All(pair => pair.Key.Length == 1 && !char.IsSurrogate(pair.Key[0]) && pair.Value >= 0),
            "tokenizer.characters must hold single characters and their ids, 0 or more");
        Require(tokenizer.UnknownId is null or >= 0, $"tokenizer.unknownId is {tokenizer.UnknownId}; it must be 0 or more");
        foreach (string file in tokenizer.Files)
        {
            RequireFileName("tokenizer", file);
            Require(files.TryGetValue(file, out FileSection? section), $"the tokenizer's file '{file}' is not among files");
            // Hashing a file that is too large would take long, so it is refused here.
            Require(section!.Bytes <= TextTokenizer.MaxFileBytes, string.Create(CultureInfo.InvariantCulture,
                $"the tokenizer's file '{file}' has {section.Bytes:N0} bytes; it may have at most {TextTokenizer.MaxFileBytes:N0}"));
        }
    }
}
