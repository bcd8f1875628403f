using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>A model's graphs, opened and in agreement with its model.json.</summary>
internal sealed class LoadedModel : IDisposable
{
    private LoadedModel(
        ModelFolder folder, NativeTensors tensors, Session? tokenizer, Session? encoder, Transformer transformer, Session image)
    {
        if (tokenizer is not null)
            GraphContract.CheckTokenizer(tokenizer);
        if (encoder is not null)
            GraphContract.CheckTextEncoder(encoder);
        GraphContract.CheckImageDecoder(image);
        Description = new ModelDescription(folder);
        Tensors = tensors;
        Prompts = new PromptReader(
            folder.Manifest, tokenizer is null ? null : new Tokenizer(tokenizer, Tensors), encoder is null ? null : new TextEncoder(encoder, Tensors));
        Transformer = transformer;
        ImageDecoder = new ImageDecoder(image, Tensors);
    }

    public ModelDescription Description { get; }

    public NativeTensors Tensors { get; }

    public PromptReader Prompts { get; }

    public Transformer Transformer { get; }

    public ImageDecoder ImageDecoder { get; }

    /// <summary>Opens the graphs side by side, and compares the hashes meanwhile: each is bound to one core.</summary>
    /// <exception cref="ModelException">The folder does not hold what its model.json says.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available.</exception>
    /// <param name="pictures">
    /// Pictures that passes are expected to have: the transformer's graph for so many is opened, others when they are needed.
    /// </param>
    public static LoadedModel Open(ModelFolder folder, Provider provider, int threads, bool verifyHashes, int pictures = 1)
    {
        var tensors = new NativeTensors();
        var transformer = new Transformer(
            folder.Manifest, folder.Precision, provider, tensors,
            (size, tree) => Session.Open(folder.TransformerGraph(size, tree), provider, threads, extensions: false));
        Task hashes = verifyHashes ? Task.Run(folder.VerifyHashes) : Task.CompletedTask;
        // The session with extensions adds their operators' domains to a table of the process that ONNX Runtime does not guard against
        // sessions that read it meanwhile. So the tokenizer, which takes a few milliseconds, opens alone.
        Task<Session?> tokenizer = Task.Run(
            () => folder.TokenizerGraph is { } graph ? Session.Open(graph, Provider.Cpu, threads: 1, extensions: true) : null);
        Task.WhenAny(tokenizer).Wait(CancellationToken.None);
        Task<Session> image = Task.Run(() => Session.Open(folder.ImageGraph, provider, threads, extensions: false));
        Task transformers = Task.Run(() => transformer.Open(pictures));
        Task<Session?> encoder = Task.Run(
            () => folder.TextEncoderGraph is { } graph ? Session.Open(graph, provider, threads, extensions: false) : null);
        try
        {
            // Throws the exception of the first in this list that failed, when all have ended: a wrong hash explains what else goes wrong.
            Task.WhenAll(hashes, transformers, encoder, image, tokenizer).GetAwaiter().GetResult();
            return new LoadedModel(folder, tensors, tokenizer.Result, encoder.Result, transformer, image.Result);
        }
        catch
        {
            transformer.Dispose();
            foreach (Task<Session?> opening in (Task<Session?>[])[image!, tokenizer, encoder])
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
