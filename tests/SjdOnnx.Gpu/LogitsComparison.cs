namespace SjdOnnx.Gpu;

/// <summary>
/// Compares logits: of windows with those of single tokens, after tokens were forgotten, and with those of the CPU if a precision to
/// compare with is given.
/// </summary>
internal sealed class LogitsComparison
{
    /// <param name="sizes">Sizes of windows.</param>
    public static object Run(Loading loading, string? reference, int[] sizes)
    {
        sizes = [.. sizes.Where(static size => size > 1).Order()];
        IReadOnlyList<float[]>? expected = null;
        float[]? prompt = null;
        if (reference is not null)
        {
            using var cpu = new OpenedModel(loading.OnCpu(reference));
            var reader = new ImageReader(cpu);
            (prompt, expected) = (reader.Prompt, OneByOne(reader, sizes[^1]));
        }

        using var model = new OpenedModel(loading);
        var lone = new ImageReader(model);
        IReadOnlyList<float[]> singles = OneByOne(lone, sizes[^1]);
        return new
        {
            Prefill = prompt is null ? (double?)null : Figures.RelativeRms([prompt], [lone.Prompt]),
            Singles = expected is null ? (double?)null : Figures.RelativeRms(expected, singles),
            Windows = expected is null
                ? null
                : sizes.ToDictionary(static size => size, size => Figures.RelativeRms(expected, Window(lone, size))),
            WindowsToSingles = sizes.ToDictionary(static size => size, size => Figures.RelativeRms(singles, Window(lone, size))),
            Rollback = AfterRollback(lone, singles),
            LaterTokensChangeNothing = LaterTokensChangeNothing(lone, Math.Min(16, sizes[^1])),
            SamePassTwice = Figures.AreEqual(Window(lone, sizes[^1]), Window(lone, sizes[^1])),
            Unequal = Unequal(lone, sizes),
            UnequalInPairs = Unequal(new ImageReader(model, inPairs: true), sizes),
            UnequalPadded = sizes.ToDictionary(static size => size, size => Unequal(lone, sizes, padded: size)),
            Captures = model.Transformer.Captured.Sum(static captured => captured.Count),
            CapturesAreRight = model.Transformer.Captured.All(static captured => captured.AreRight),
        };
    }

    private static IReadOnlyList<float[]> OneByOne(ImageReader reader, int count, int padded = 0)
    {
        reader.Truncate(0);
        return [.. Enumerable.Range(0, count).SelectMany(_ => reader.Read(1, padded))];
    }

    private static IReadOnlyList<float[]> Window(ImageReader reader, int size, int padded = 0)
    {
        reader.Truncate(0);
        return reader.Read(size, padded);
    }

    /// <summary>The sizes of windows whose logits are not, bit for bit, those of single tokens.</summary>
    /// <param name="padded">The size to which every pass is padded, so that larger windows are left out; 0 for none.</param>
    private static int[] Unequal(ImageReader reader, int[] sizes, int padded = 0)
    {
        int[] fitting = padded == 0 ? sizes : [.. sizes.Where(size => size <= padded)];
        IReadOnlyList<float[]> singles = OneByOne(reader, fitting[^1], padded);
        return [.. fitting.Where(size => !Figures.AreEqual([.. singles.Take(size)], Window(reader, size, padded)))];
    }

    /// <summary>The difference that a window has from single tokens after tokens were read that were wrong and forgotten.</summary>
    private static double AfterRollback(ImageReader reader, IReadOnlyList<float[]> singles)
    {
        int half = singles.Count / 2;
        reader.Truncate(0);
        _ = reader.Read(half);
        _ = reader.Read(half, shift: 1);
        reader.Truncate(half);
        return Figures.RelativeRms([.. singles.Skip(half)], reader.Read(singles.Count - half));
    }

    /// <summary>Whether other tokens at the end of a window leave the logits of the tokens before them as they are.</summary>
    private static bool LaterTokensChangeNothing(ImageReader reader, int size)
    {
        int half = size / 2;
        IReadOnlyList<float[]> whole = Window(reader, size);
        return Figures.AreEqual([.. whole.Take(half)], Window(reader, half, padded: size));
    }
}
