using System.Globalization;
using System.IO.MemoryMappedFiles;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Microsoft.Win32.SafeHandles;

namespace SjdOnnx.Runtime.Onnx;

/// <summary>
/// Weights that several sessions read from the same memory: the files are mapped once, and what ONNX Runtime packs for its kernels is
/// packed once. Otherwise every session has a copy of its own.
/// </summary>
/// <param name="tensors">Counts the tensors.</param>
internal sealed class SharedWeights(NativeTensors tensors) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, MappedFile> _files = [];
    private readonly Dictionary<string, Weight[]> _graphs = []; // by path: groups of lanes open the same graph
    private readonly Dictionary<Weight, NativeTensor> _weights = [];

    /// <summary>What kernels made of the weights.</summary>
    public PrePackedWeightsContainer Packed { get; } = new();

    /// <summary>Gives a session the weights of its graph that are in files of their own.</summary>
    /// <param name="graph">Path of the ONNX file. Its weights are in the same folder.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="InvalidDataException">A weight is beyond the end of its file.</exception>
    /// <exception cref="InvalidProtocolBufferException">The graph is no ONNX file.</exception>
    public void AddTo(SessionOptions session, string graph)
    {
        string folder = Path.GetDirectoryName(graph)!;
        lock (_lock)
        {
            if (!_graphs.TryGetValue(graph, out Weight[]? weights))
                _graphs.Add(graph, weights = [.. ExternalWeights(File.ReadAllBytes(graph))]);
            foreach (Weight weight in weights)
            {
                if (!_weights.TryGetValue(weight, out NativeTensor? tensor))
                {
                    if (!_files.TryGetValue(weight.File, out MappedFile? file))
                        _files.Add(weight.File, file = new MappedFile(Path.Combine(folder, weight.File)));
                    tensor = tensors.Over(
                        OrtMemoryInfo.DefaultInstance, weight.Type, file.At(weight.Offset, weight.Bytes), weight.Bytes, weight.Shape);
                    _weights.Add(weight, tensor);
                }

                session.AddInitializer(weight.Name, tensor.Value);
            }
        }
    }

    public void Dispose()
    {
        foreach (NativeTensor tensor in _weights.Values)
            tensor.Dispose();
        foreach (MappedFile file in _files.Values)
            file.Dispose();
        Packed.Dispose();
    }

    /// <summary>The initializers of a graph that are in other files (onnx.proto: ModelProto, GraphProto, TensorProto).</summary>
    private static IEnumerable<Weight> ExternalWeights(byte[] model) => Fields(model)
        .Where(static field => field.Number == 7).SelectMany(static graph => Fields(graph.Bytes))
        .Where(static field => field.Number == 5).Select(static initializer => WeightOf(Fields(initializer.Bytes)))
        .OfType<Weight>();

    /// <returns>Null if the numbers are in the graph itself.</returns>
    private static Weight? WeightOf(IEnumerable<Field> tensor)
    {
        string name = "";
        var type = default(TensorElementType);
        var shape = new List<long>();
        var data = new Dictionary<string, string>();
        foreach (Field field in tensor)
        {
            switch (field.Number)
            {
                case 1 when field.Bytes.Length > 0: // packed
                    var dimensions = new CodedInputStream(field.Bytes);
                    while (!dimensions.IsAtEnd)
                        shape.Add(dimensions.ReadInt64());
                    break;
                case 1:
                    shape.Add(field.Number64);
                    break;
                case 2:
                    type = (TensorElementType)field.Number64;
                    break;
                case 8:
                    name = field.Text;
                    break;
                case 13:
                    Field[] entry = [.. Fields(field.Bytes)];
                    data[entry.First(static part => part.Number == 1).Text] = entry.First(static part => part.Number == 2).Text;
                    break;
            }
        }

        return data.TryGetValue("location", out string? file)
            ? new Weight(name, type, [.. shape], file, Number(data["offset"]), Number(data["length"]))
            : null;

        static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>The fields of a message.</summary>
    private static List<Field> Fields(byte[] message)
    {
        var fields = new List<Field>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is var tag and not 0)
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            switch (WireFormat.GetTagWireType(tag))
            {
                case WireFormat.WireType.LengthDelimited:
                    fields.Add(new Field(number, input.ReadBytes().ToByteArray(), 0));
                    break;
                case WireFormat.WireType.Varint:
                    fields.Add(new Field(number, [], input.ReadInt64()));
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return fields;
    }

    private readonly record struct Field(int Number, byte[] Bytes, long Number64)
    {
        public string Text => System.Text.Encoding.UTF8.GetString(Bytes);
    }

    /// <param name="Offset">Of its first byte in the file.</param>
    private sealed record Weight(string Name, TensorElementType Type, long[] Shape, string File, long Offset, long Bytes)
    {
        public bool Equals(Weight? other) =>
            other is not null && (Name, Type, File, Offset, Bytes) == (other.Name, other.Type, other.File, other.Offset, other.Bytes)
            && Shape.AsSpan().SequenceEqual(other.Shape);

        public override int GetHashCode() => HashCode.Combine(Name, File, Offset);
    }

    private sealed unsafe class MappedFile : IDisposable
    {
        private readonly MemoryMappedFile _file;
        private readonly MemoryMappedViewAccessor _view;
        private readonly byte* _start;

        public MappedFile(string path)
        {
            _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, capacity: 0, MemoryMappedFileAccess.Read);
            _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            SafeMemoryMappedViewHandle handle = _view.SafeMemoryMappedViewHandle;
            handle.AcquirePointer(ref _start);
        }

        public nint At(long offset, long bytes) => offset >= 0 && bytes >= 0 && offset + bytes <= _view.Capacity
            ? (nint)(_start + offset)
            : throw new InvalidDataException("A weight is beyond the end of its file.");

        public void Dispose()
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
        }
    }
}
