using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Native;

namespace SjdOnnx.Runtime.Decoding;

/// <summary>A model's three graphs, opened and in agreement with its model.json.</summary>
internal sealed class LoadedModel : IDisposable
{
    private LoadedModel(ModelFolder folder, Session tokenizer, Session transformer, Session image, Provider provider)
    {
        Manifest manifest = folder.Manifest;
        PrecisionSection precision = manifest.Transformer.Precisions[folder.Precision];
        GraphContract.CheckTransformer(transformer, manifest.Transformer, precision, manifest.Layout);
        GraphContract.CheckTokenizer(tokenizer);
        GraphContract.CheckImageDecoder(image);
        Tokenizer = new PromptTokenizer(tokenizer, manifest.Prompt, Tensors);
        Transformer = new Transformer(transformer, manifest, folder.Precision, provider, Tensors);
        ImageDecoder = new ImageDecoder(image, Tensors);
    }

    public NativeTensors Tensors { get; } = new();

    public PromptTokenizer Tokenizer { get; }

    public Transformer Transformer { get; }

    public ImageDecoder ImageDecoder { get; }

    /// <summary>Opens the graphs side by side after the tokenizer, and compares the hashes meanwhile: each is bound to one core.</summary>
    /// <exception cref="ModelException">The folder does not hold what its model.json says.</exception>
    /// <exception cref="ProviderException">The provider or a native library is not available.</exception>
    public static LoadedModel Open(ModelFolder folder, Provider provider, int threads, bool verifyHashes)
    {
        Task hashes = verifyHashes ? Task.Run(folder.VerifyHashes) : Task.CompletedTask;
        // The first session with extensions adds their operators' domains to a table of the process that ONNX Runtime does not guard against
        // sessions that read it meanwhile. So this one, which takes a few milliseconds, opens alone; those that follow only read.
        Task<Session> tokenizer = Task.Run(() => Session.Open(folder.TokenizerGraph, Provider.Cpu, threads: 1, extensions: true));
        Task.WhenAny(tokenizer).Wait(CancellationToken.None);
        Task<Session> transformer = Task.Run(() => Session.Open(folder.TransformerGraph, provider, threads, extensions: false));
        Task<Session> image = Task.Run(() => Session.Open(folder.ImageGraph, provider, threads, extensions: true));
        try
        {
            // Throws the exception of the first in this list that failed, when all have ended: a wrong hash explains what else goes wrong.
            Task.WhenAll(hashes, transformer, image, tokenizer).GetAwaiter().GetResult();
            return new LoadedModel(folder, tokenizer.Result, transformer.Result, image.Result, provider);
        }
        catch
        {
            foreach (Task<Session> opening in (Task<Session>[])[transformer, image, tokenizer])
            {
                if (opening.IsCompletedSuccessfully)
                    opening.Result.Dispose();
            }
            throw;
        }
    }

    public void Dispose()
    {
        Tokenizer.Dispose();
        Transformer.Dispose();
        ImageDecoder.Dispose();
    }
}
