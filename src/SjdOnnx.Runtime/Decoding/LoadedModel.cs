using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;
using SjdOnnx.Runtime.Tokenizers;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>A model's graphs, opened and in agreement with its model.json.</summary>
internal sealed class LoadedModel : IDisposable
{
    private LoadedModel(
        ModelFolder folder, NativeTensors tensors, TextTokenizer? tokenizer, Session? encoder, Transformer transformer, Session image)
    {
        if (encoder is not null)
            GraphContract.CheckTextEncoder(encoder, folder.Manifest, transformer.OpenGraph);
        if (tokenizer is not null)
            GraphContract.CheckTokenizer(tokenizer, reader: encoder ?? transformer.OpenGraph);
        GraphContract.CheckImageDecoder(image, folder.Manifest);
        if (folder.Manifest.Prompt.Cleaning is not null)
            UnicodeNormalization.Require("The cleaning of prompts for this model");
        Description = new ModelDescription(folder);
        Tensors = tensors;
        Prompts = new PromptReader(folder.Manifest, tokenizer, encoder is null ? null : new TextEncoder(encoder, Tensors));
        Transformer = transformer;
        ImageDecoder = new ImageDecoder(image, Tensors);
    }

    public ModelDescription Description { get; }

    public NativeTensors Tensors { get; }

    public PromptReader Prompts { get; }

    public Transformer Transformer { get; }

    public ImageDecoder ImageDecoder { get; }

    /// <summary>Opens the graphs and the tokenizer side by side, and compares the hashes meanwhile: each is bound to one core.</summary>
    /// <exception cref="ModelException">The folder does not hold what its model.json says.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available.</exception>
    /// <param name="pictures">
    /// Pictures that passes are expected to have: the transformer's graph for so many is opened, others when they are needed.
    /// </param>
    /// <param name="cache">The cache folder, which remembers files whose hashes were compared; null for none.</param>
    public static LoadedModel Open(
        ModelFolder folder, Provider provider, int threads, HashVerification verification, string? cache = null, int pictures = 1)
    {
        var tensors = new NativeTensors();
        var transformer = new Transformer(
            folder.Manifest, folder.Precision, provider, tensors,
            (size, tree) => Session.Open(folder.TransformerGraph(size, tree), provider, threads));
        Task hashes = Task.Run(() => folder.VerifyHashes(verification, cache));
        Task<TextTokenizer?> tokenizer = Task.Run(folder.OpenTokenizer);
        Task<Session> image = Task.Run(() => Session.Open(folder.ImageGraph, provider, threads));
        Task transformers = Task.Run(() => transformer.Open(pictures));
        Task<Session?> encoder = Task.Run(
            () => folder.TextEncoderGraph is { } graph ? Session.Open(graph, provider, threads) : null);
        try
        {
            // Throws the exception of the first in this list that failed, when all have ended: a wrong hash explains what else goes wrong.
            Task.WhenAll(hashes, transformers, encoder, image, tokenizer).GetAwaiter().GetResult();
            return new LoadedModel(folder, tensors, tokenizer.Result, encoder.Result, transformer, image.Result);
        }
        catch
        {
            transformer.Dispose();
            foreach (Task<Session?> opening in (Task<Session?>[])[image!, encoder])
            {
                if (opening.IsCompletedSuccessfully)
                    opening.Result?.Dispose();
            }
            throw;
        }
    }

    public void Dispose()
    {
        Prompts.Dispose();
        Transformer.Dispose();
        ImageDecoder.Dispose();
    }
}
