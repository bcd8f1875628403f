using System.Text;

namespace SjdOnnx.Runtime.Model;

/// <summary>
/// Reads from an ONNX file the one thing ONNX Runtime does not tell about it: which other files hold its weights.
/// Only the fields on the way there are looked at; the numbers are those of onnx.proto.
/// </summary>
internal static class ExternalData
{
    private const int ModelGraph = 7;
    private const int GraphInitializer = 5;
    private const int TensorExternalData = 13;
    private const int EntryKey = 1;
    private const int EntryValue = 2;

    /// <summary>Names of the files, relative to the graph's folder.</summary>
    /// <exception cref="InvalidDataException">These bytes are no ONNX model.</exception>
    public static SortedSet<string> Files(ReadOnlySpan<byte> model)
    {
        var files = new SortedSet<string>(StringComparer.Ordinal);
        var graphs = 0;
        var fields = new Fields(model);
        while (fields.Next())
        {
            if (fields.Number != ModelGraph)
                continue;
            graphs++;
            AddFilesOfGraph(fields.Value, files);
        }
        return graphs == 1 ? files : throw new InvalidDataException($"The file holds {graphs} graphs; an ONNX model holds one.");
    }

    private static void AddFilesOfGraph(ReadOnlySpan<byte> graph, SortedSet<string> files)
    {
        var fields = new Fields(graph);
        while (fields.Next())
        {
            if (fields.Number != GraphInitializer)
                continue;
            var tensor = new Fields(fields.Value);
            while (tensor.Next())
            {
                if (tensor.Number == TensorExternalData && Entry(tensor.Value) is ("location", var file))
                    files.Add(file);
            }
        }
    }

    private static (string Key, string Value) Entry(ReadOnlySpan<byte> entry)
    {
        (string key, string value) = ("", "");
        var fields = new Fields(entry);
        while (fields.Next())
        {
            if (fields.Number == EntryKey)
                key = Encoding.UTF8.GetString(fields.Value);
            else if (fields.Number == EntryValue)
                value = Encoding.UTF8.GetString(fields.Value);
        }
        return (key, value);
    }

    /// <summary>The fields of one protobuf message, in order.</summary>
    private ref struct Fields(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> _rest = message;

        public int Number { get; private set; }

        /// <summary>The bytes of a length-delimited field; of no use for numbers.</summary>
        public ReadOnlySpan<byte> Value { get; private set; }

        public bool Next()
        {
            if (_rest.IsEmpty)
                return false;

            ulong tag = Varint();
            Number = (int)(tag >> 3);
            Value = (tag & 7) switch
            {
                0 => SkipVarint(),
                1 => Take(8),
                2 => Take(Varint()),
                5 => Take(4),
                _ => throw new InvalidDataException("A protobuf field has a wire type that does not exist."),
            };
            return true;
        }

        private ReadOnlySpan<byte> Take(ulong length)
        {
            if (length > (ulong)_rest.Length)
                throw new InvalidDataException("A protobuf field ends behind the end of the file.");
            ReadOnlySpan<byte> value = _rest[..(int)length];
            _rest = _rest[(int)length..];
            return value;
        }

        private ReadOnlySpan<byte> SkipVarint()
        {
            Varint();
            return [];
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if (_rest.IsEmpty)
                    break;
                byte b = _rest[0];
                _rest = _rest[1..];
                value |= (ulong)(b & 0x7f) << shift;
                if (b < 0x80)
                    return value;
            }
            throw new InvalidDataException("A protobuf number does not end.");
        }
    }
}
