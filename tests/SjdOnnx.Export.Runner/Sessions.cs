using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Export.Runner;

/// <summary>The sessions and buffers that requests name.</summary>
internal sealed class Sessions : IDisposable
{
    private readonly Dictionary<string, InferenceSession> _sessions = [];
    private readonly Dictionary<string, OrtValue> _buffers = [];
    private readonly Dictionary<string, TextTokenizer> _tokenizers = [];

    public Response Handle(Request request) => request.Command switch
    {
        "load" => Load(request),
        "profile" => new Response(Profile: _sessions[request.Session].EndProfiling()),
        "buffer" => AddBuffer(request),
        "run" => Run(request),
        "tokenizer" => OpenTokenizer(request),
        "tokenize" => new Response(Ids: [.. request.Texts!.Select(_tokenizers[request.Session].Encode)]),
        "unload" => Unload(request),
        "memory" => new Response(PeakBytes: PeakBytes()),
        _ => new Response($"unknown command {request.Command}"),
    };

    public void Dispose()
    {
        foreach (InferenceSession session in _sessions.Values) session.Dispose();
        foreach (OrtValue buffer in _buffers.Values) buffer.Dispose();
    }

    private Response Load(Request request)
    {
        using var options = new SessionOptions { IntraOpNumThreads = request.Threads };
        options.AddSessionConfigEntry("session.force_spinning_stop", "1"); // as the engine's sessions
        if (!request.Prepack)
            options.AddSessionConfigEntry("session.disable_prepacking", "1");
        if (request.Optimized is not null)
            options.OptimizedModelFilePath = request.Optimized;
        if (request.Profile is not null)
            (options.ProfileOutputPathPrefix, options.EnableProfiling) = (request.Profile, true);
        long start = Stopwatch.GetTimestamp();
        var session = new InferenceSession(request.Path, options);
        double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        Unload(request);
        _sessions[request.Session] = session;
        return new Response(Milliseconds: [elapsed]);
    }

    private Response OpenTokenizer(Request request)
    {
        TokenizerSection section = request.Section!.Value.Deserialize(ManifestJson.Default.TokenizerSection)!;
        _tokenizers[request.Session] = TextTokenizer.Open(section, name => File.ReadAllBytes(Path.Combine(request.Path, name)));
        return new Response();
    }

    private static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private Response Unload(Request request)
    {
        if (_sessions.Remove(request.Session, out InferenceSession? session))
            session.Dispose();
        return new Response();
    }

    private Response AddBuffer(Request request)
    {
        OrtValue value = ToOrtValue(request.Tensor!);
        if (_buffers.Remove(request.Name, out OrtValue? old))
            old.Dispose();
        _buffers[request.Name] = value;
        return new Response();
    }

    private Response Run(Request request)
    {
        InferenceSession session = _sessions[request.Session];
        using OrtIoBinding binding = session.CreateIoBinding();
        using var runOptions = new RunOptions();
        Dictionary<string, OrtValue> inputs = (request.Inputs ?? []).ToDictionary(i => i.Key, i => ToOrtValue(i.Value));
        try
        {
            foreach ((string name, OrtValue value) in inputs) binding.BindInput(name, value);
            foreach ((string name, string buffer) in request.BoundInputs ?? []) binding.BindInput(name, _buffers[buffer]);
            foreach ((string name, string buffer) in request.BoundOutputs ?? []) binding.BindOutput(name, _buffers[buffer]);
            string[] outputs = request.Outputs ?? [];
            foreach (string name in outputs) binding.BindOutputToDevice(name, OrtMemoryInfo.DefaultInstance);
            double[] times = Time(request.Repeat, () => session.RunWithBinding(runOptions, binding));
            return new Response(Outputs: Read(binding, outputs), Milliseconds: times);
        }
        finally
        {
            foreach (OrtValue value in inputs.Values) value.Dispose();
        }
    }

    private static double[] Time(int repeat, Action action)
    {
        var times = new double[repeat];
        for (int i = 0; i < repeat; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return times;
    }

    private static Dictionary<string, WireTensor> Read(OrtIoBinding binding, string[] wanted)
    {
        var read = new Dictionary<string, WireTensor>();
        string[] names = binding.GetOutputNames();
        using IDisposableReadOnlyCollection<OrtValue> values = binding.GetOutputValues();
        for (int i = 0; i < names.Length; i++)
        {
            if (wanted.Contains(names[i]))
                read[names[i]] = ToWire(values[i]);
        }

        return read;
    }

    private static OrtValue ToOrtValue(WireTensor tensor)
    {
        var type = Enum.Parse<TensorElementType>(tensor.Type, ignoreCase: true);
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, tensor.Shape);
        Span<byte> bytes = Bytes(value);
        bytes.Clear();
        if (tensor.Data is { } data)
            Convert.FromBase64String(data).CopyTo(bytes);
        return value;
    }

    private static WireTensor ToWire(OrtValue value)
    {
        OrtTensorTypeAndShapeInfo info = value.GetTensorTypeAndShape();
        return new WireTensor(info.ElementDataType.ToString().ToLowerInvariant(), info.Shape, Convert.ToBase64String(Bytes(value)));
    }

    private static Span<byte> Bytes(OrtValue value) => MemoryMarshal.AsBytes(value.GetTensorMutableRawData());
}
