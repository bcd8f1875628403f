using System.Buffers;
using System.Buffers.Text;
using Microsoft.ML.Tokenizers;

namespace SjdOnnx.Runtime.Text;

/// <summary>tiktoken's byte pairs: of all neighbors, those are merged first whose joined bytes have the lowest rank.</summary>
internal sealed class TiktokenVocabulary : IVocabulary
{
    private readonly TiktokenTokenizer _merging;

    /// <param name="file">A tiktoken file. Each line has a token in base64 and its rank, which is also its id.</param>
    /// <exception cref="InvalidDataException">The file is not a tiktoken file.</exception>
    public TiktokenVocabulary(byte[] file)
    {
        MaxId = Ranks(file).Max();
        _merging = TiktokenTokenizer.Create(new MemoryStream(file), WholePiece.Instance, normalizer: null);
    }

    public int MaxId { get; }

    public void Encode(string piece, List<int> ids) => ids.AddRange(_merging.EncodeToIds(piece));

    /// <summary>
    /// Checks the file and returns its ranks. The package does not notice that two tokens have the same rank, and it fails on text with a
    /// byte that is not a token.
    /// </summary>
    private static HashSet<int> Ranks(ReadOnlySpan<byte> file)
    {
        var ranks = new HashSet<int>();
        var hasByte = new bool[byte.MaxValue + 1];
        var token = new byte[file.Length];
        int number = 0;
        foreach (Range line in file.Split((byte)'\n'))
        {
            number++;
            ReadOnlySpan<byte> text = file[line].TrimEnd((byte)'\r');
            if (text.IsEmpty)
                continue;
            int space = Math.Max(0, text.IndexOf((byte)' '));
            if (Base64.DecodeFromUtf8(text[..space], token, out _, out int bytes) != OperationStatus.Done || bytes == 0
                || !Utf8Parser.TryParse(text[(space + 1)..], out int rank, out int digits) || space + 1 + digits != text.Length || rank < 0)
            {
                throw new InvalidDataException($"Line {number} is not a token in base64 and its rank.");
            }

            if (!ranks.Add(rank))
                throw new InvalidDataException($"Two tokens have the rank {rank}.");
            if (bytes == 1)
                hasByte[token[0]] = true;
        }

        int known = hasByte.Count(static has => has);
        return known == hasByte.Length
            ? ranks
            : throw new InvalidDataException($"It has tokens for {known} of the {hasByte.Length} bytes; tiktoken needs them all.");
    }
}
