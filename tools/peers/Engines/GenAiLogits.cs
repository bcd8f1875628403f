using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace SjdOnnx.Peers.Engines;

/// <summary>Reading and writing a generator's logits, which onnxruntime-genai offers in C and not in C#.</summary>
internal static unsafe partial class GenAiLogits
{
    private const string Library = "onnxruntime-genai";
    private const float Largest = 1e9f;

    /// <summary>Computes the logits of both lanes, and makes both lanes continue with the id that is chosen from them.</summary>
    /// <param name="generator">A batch of two.</param>
    /// <param name="choose">Chooses an id from the logits of the first lane and, behind them, those of the second.</param>
    public static int Take(Generator generator, Func<ReadOnlySpan<float>, int> choose)
    {
        nint handle = Handle(generator);
        Check(GetLogits(handle, out nint tensor));
        try
        {
            Check(GetTensorShapeRank(tensor, out nuint rank));
            Span<long> shape = stackalloc long[(int)rank];
            fixed (long* sizes = shape)
                Check(GetTensorShape(tensor, sizes, rank));
            Check(GetTensorData(tensor, out nint data));
            int vocabulary = (int)shape[^1];
            var logits = new Span<float>((void*)data, 2 * vocabulary);
            int id = choose(logits);
            logits[id] = logits[vocabulary + id] = Largest;
            Check(SetLogits(handle, tensor));
            generator.GenerateNextToken();
            return id;
        }
        finally
        {
            DestroyTensor(tensor);
        }
    }

    private static void Check(nint result)
    {
        if (result == 0)
            return;
        string? message = Marshal.PtrToStringUTF8(GetError(result));
        DestroyResult(result);
        throw new InvalidOperationException($"onnxruntime-genai failed: {message}");
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_generatorHandle")]
    private static extern ref nint Handle(Generator generator);

    [LibraryImport(Library, EntryPoint = "OgaGenerator_GetLogits")]
    private static partial nint GetLogits(nint generator, out nint tensor);

    [LibraryImport(Library, EntryPoint = "OgaGenerator_SetLogits")]
    private static partial nint SetLogits(nint generator, nint tensor);

    [LibraryImport(Library, EntryPoint = "OgaTensorGetData")]
    private static partial nint GetTensorData(nint tensor, out nint data);

    [LibraryImport(Library, EntryPoint = "OgaTensorGetShapeRank")]
    private static partial nint GetTensorShapeRank(nint tensor, out nuint rank);

    [LibraryImport(Library, EntryPoint = "OgaTensorGetShape")]
    private static partial nint GetTensorShape(nint tensor, long* sizes, nuint rank);

    [LibraryImport(Library, EntryPoint = "OgaDestroyTensor")]
    private static partial void DestroyTensor(nint tensor);

    [LibraryImport(Library, EntryPoint = "OgaResultGetError")]
    private static partial nint GetError(nint result);

    [LibraryImport(Library, EntryPoint = "OgaDestroyResult")]
    private static partial void DestroyResult(nint result);
}
