using System.Reflection;
using System.Xml.Linq;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Runtime.Tests.Actions;
using SjdOnnx.Runtime.Tests.Flows;
using SjdOnnx.Runtime.Tests.Thoughts;

namespace SjdOnnx.Runtime.Tests;

/// <summary>Every exception that the documentation of a public member names, thrown.</summary>
[Collection(UsesLoadedModel.Name)]
public sealed class ExceptionTests(LoadedTestModel loaded) : IDisposable
{
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox" };
    private static readonly GenerationRequest Empty = new() { Prompt = "" };
    private static readonly ImageFileOptions Quality = new() { Quality = 80 };
    private static readonly CancellationToken Cancelled = new(canceled: true);

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    private static Dictionary<string, Func<ExceptionTests, Task>> Throwing { get; } = new()
    {
        ["TextToImage.Load: ModelException"] = Does(_ => TextToImage.Load("/no/such/folder")),
        ["TextToImage.Load: ProviderException"] = Does(_ => TextToImage.Load(TestModel.Folder!, OnCuda)),
        ["TextToImage.LoadAsync: ModelException"] = _ => TextToImage.LoadAsync("/no/such/folder"),
        ["TextToImage.LoadAsync: ProviderException"] = _ => TextToImage.LoadAsync(TestModel.Folder!, OnCuda),
        ["TextToImage.LoadAsync: OperationCanceledException"] =
            _ => TextToImage.LoadAsync(TestModel.Folder!, cancellationToken: Cancelled),

        ["TextToImage.GenerateAsync: RequestException"] = test => test.Model.GenerateAsync(Empty),
        ["TextToImage.GenerateAsync: QueueFullException"] = _ => WithFullQueueAsync(model => model.GenerateAsync(Fox)),
        ["TextToImage.GenerateAsync: InferenceException"] = _ => WithFailingGraphAsync(model => model.GenerateAsync(FailingModel.Bad)),
        ["TextToImage.GenerateAsync: ModelException"] = _ => WithDamagedTreeAsync(model => model.GenerateAsync(Fox, Tree)),
        ["TextToImage.GenerateAsync: OperationCanceledException"] = test => test.Model.GenerateAsync(Fox, cancellationToken: Cancelled),
        ["TextToImage.GenerateAsync: ObjectDisposedException"] = _ => WithDisposedAsync(model => model.GenerateAsync(Fox)),

        ["TextToImage.StreamAsync: RequestException"] = test => ReadAsync(test.Model.StreamAsync(Empty)),
        ["TextToImage.StreamAsync: QueueFullException"] = _ => WithFullQueueAsync(model => ReadAsync(model.StreamAsync(Fox))),
        ["TextToImage.StreamAsync: InferenceException"] =
            _ => WithFailingGraphAsync(model => ReadAsync(model.StreamAsync(FailingModel.Bad))),
        ["TextToImage.StreamAsync: ModelException"] = _ => WithDamagedTreeAsync(model => ReadAsync(model.StreamAsync(Fox, Tree))),
        ["TextToImage.StreamAsync: OperationCanceledException"] =
            test => ReadAsync(test.Model.StreamAsync(Fox, cancellationToken: Cancelled)),
        ["TextToImage.StreamAsync: ObjectDisposedException"] = _ => WithDisposedAsync(model => ReadAsync(model.StreamAsync(Fox))),

        ["TextToImage.GenerateManyAsync: ArgumentException"] = test => ReadAsync(test.Model.GenerateManyAsync([null!])),
        ["TextToImage.GenerateManyAsync: RequestException"] = test => ReadAsync(test.Model.GenerateManyAsync([Empty])),
        ["TextToImage.GenerateManyAsync: InferenceException"] =
            _ => WithFailingGraphAsync(model => ReadAsync(model.GenerateManyAsync([FailingModel.Bad]))),
        ["TextToImage.GenerateManyAsync: ModelException"] =
            _ => WithDamagedTreeAsync(model => ReadAsync(model.GenerateManyAsync([Fox], Tree))),
        ["TextToImage.GenerateManyAsync: OperationCanceledException"] =
            test => ReadAsync(test.Model.GenerateManyAsync([Fox], cancellationToken: Cancelled)),
        ["TextToImage.GenerateManyAsync: ObjectDisposedException"] =
            _ => WithDisposedAsync(model => ReadAsync(model.GenerateManyAsync([Fox]))),

        ["TextToImage.MeasurePassCostsAsync: ArgumentOutOfRangeException"] = test => test.Model.MeasurePassCostsAsync(images: 0),
        ["TextToImage.MeasurePassCostsAsync: QueueFullException"] = _ => WithFullQueueAsync(model => model.MeasurePassCostsAsync()),
        ["TextToImage.MeasurePassCostsAsync: InferenceException"] =
            _ => WithFailingGraphAsync(model => model.MeasurePassCostsAsync(again: true)),
        ["TextToImage.MeasurePassCostsAsync: OperationCanceledException"] =
            test => test.Model.MeasurePassCostsAsync(cancellationToken: Cancelled),
        ["TextToImage.MeasurePassCostsAsync: ObjectDisposedException"] = _ => WithDisposedAsync(model => model.MeasurePassCostsAsync()),

        ["FlowModel.LoadAsync: ModelException"] = _ => FlowModel.LoadAsync("/no/such/folder"),
        ["FlowModel.LoadAsync: ProviderException"] = _ => FlowModel.LoadAsync(Shapes.Folder, OnCuda),
        ["FlowModel.LoadAsync: OperationCanceledException"] = _ => FlowModel.LoadAsync(Shapes.Folder, cancellationToken: Cancelled),
        ["FlowModel.SampleAsync: RequestException"] = _ => WithFlowAsync(flow => flow.SampleAsync(new FlowOptions { Class = 99 })),
        ["FlowModel.SampleAsync: InferenceException"] = _ => WithDamagedFlowAsync(flow => flow.SampleAsync()),
        ["FlowModel.SampleAsync: OperationCanceledException"] =
            _ => WithFlowAsync(flow => flow.SampleAsync(cancellationToken: Cancelled)),
        ["FlowModel.SampleAsync: ObjectDisposedException"] = _ => WithDisposedFlowAsync(flow => flow.SampleAsync()),
        ["FlowModel.LogDensitiesAsync: ArgumentException"] = _ => WithFlowAsync(flow => flow.LogDensitiesAsync([1, 2])),
        ["FlowModel.LogDensitiesAsync: InferenceException"] = _ => WithDamagedFlowAsync(flow => flow.LogDensitiesAsync(Gray)),
        ["FlowModel.LogDensitiesAsync: OperationCanceledException"] = _ => WithFlowAsync(flow => flow.LogDensitiesAsync(Gray, Cancelled)),
        ["FlowModel.LogDensitiesAsync: ObjectDisposedException"] = _ => WithDisposedFlowAsync(flow => flow.LogDensitiesAsync(Gray)),
        ["FlowModel.DensityAsync: ArgumentException"] = _ => WithFlowAsync(flow => flow.DensityAsync([1, 2])),
        ["FlowModel.DensityAsync: RequestException"] = _ => WithFlowAsync(flow => flow.DensityAsync(Gray, label: 99)),
        ["FlowModel.DensityAsync: InferenceException"] = _ => WithDamagedFlowAsync(flow => flow.DensityAsync(Gray)),
        ["FlowModel.DensityAsync: OperationCanceledException"] =
            _ => WithFlowAsync(flow => flow.DensityAsync(Gray, cancellationToken: Cancelled)),
        ["FlowModel.DensityAsync: ObjectDisposedException"] = _ => WithDisposedFlowAsync(flow => flow.DensityAsync(Gray)),
        ["FlowModel.MeasureAsync: InferenceException"] = _ => WithDamagedFlowAsync(flow => flow.MeasureAsync()),
        ["FlowModel.MeasureAsync: OperationCanceledException"] =
            _ => WithFlowAsync(flow => flow.MeasureAsync(cancellationToken: Cancelled)),
        ["FlowModel.MeasureAsync: ObjectDisposedException"] = _ => WithDisposedFlowAsync(flow => flow.MeasureAsync()),
        ["FlowOptions.Class: ArgumentOutOfRangeException"] = Does(_ => new FlowOptions { Class = -1 }),
        ["FlowOptions.Denoising: ArgumentOutOfRangeException"] = Does(_ => new FlowOptions { Denoising = 3 }),
        ["FlowMeasureOptions.Samples: ArgumentOutOfRangeException"] = Does(_ => new FlowMeasureOptions { Samples = 0 }),
        ["FlowMeasureOptions.Tolerance: ArgumentOutOfRangeException"] = Does(_ => new FlowMeasureOptions { Tolerance = -1 }),
        ["FlowMeasureOptions.Accuracy: ArgumentOutOfRangeException"] = Does(_ => new FlowMeasureOptions { Accuracy = 0 }),
        ["FlowPlanText.Parse: FormatException"] = Does(_ => FlowPlanText.Parse("{"u8)),

        ["ThoughtModel.LoadAsync: ModelException"] = _ => ThoughtModel.LoadAsync("/no/such/folder"),
        ["ThoughtModel.LoadAsync: ProviderException"] = _ => ThoughtModel.LoadAsync(Sums, OnCuda),
        ["ThoughtModel.LoadAsync: OperationCanceledException"] = _ => ThoughtModel.LoadAsync(Sums, cancellationToken: Cancelled),
        ["ThoughtModel.AnswerAsync: RequestException"] = _ => WithThoughtsAsync(Sums, model => model.AnswerAsync("")),
        ["ThoughtModel.AnswerAsync: InferenceException"] =
            _ => WithDamagedAsync(Sums, "thought.fp32.data", folder => WithThoughtsAsync(folder, model => model.AnswerAsync("3+5*2"))),
        ["ThoughtModel.AnswerAsync: OperationCanceledException"] =
            _ => WithThoughtsAsync(Sums, model => model.AnswerAsync("3+5*2", cancellationToken: Cancelled)),
        ["ThoughtModel.AnswerAsync: ObjectDisposedException"] = _ => WithThoughtsAsync(Sums, model =>
        {
            model.Dispose();
            return model.AnswerAsync("3+5*2");
        }),
        ["ThoughtOptions.Mode: ArgumentOutOfRangeException"] = Does(_ => new ThoughtOptions { Mode = (ThoughtMode)9 }),
        ["ThoughtOptions.Iterations: ArgumentOutOfRangeException"] = Does(_ => new ThoughtOptions { Iterations = -1 }),

        ["PolicyModel.LoadAsync: ModelException"] = _ => PolicyModel.LoadAsync("/no/such/folder"),
        ["PolicyModel.LoadAsync: ProviderException"] =
            _ => PolicyModel.LoadAsync(Reach.Folder, new PolicyLoadOptions { Provider = ExecutionProvider.Cuda }),
        ["PolicyModel.LoadAsync: OperationCanceledException"] = _ => PolicyModel.LoadAsync(Reach.Folder, cancellation: Cancelled),
        ["PolicyModel.Act: RequestException"] = _ => WithPolicyAsync(Reach.Folder, policy => policy.Act(Seen, new string('!', 300))),
        ["PolicyModel.Act: InferenceException"] = _ => WithDamagedAsync(
            Reach.Folder, "policy.fp32.data", folder => WithPolicyAsync(folder, policy => policy.Act(Seen, "go"))),
        ["PolicyModel.Act: OperationCanceledException"] =
            _ => WithPolicyAsync(Reach.Folder, policy => policy.Act(Seen, "go", cancellation: Cancelled)),
        ["PolicyModel.Act: ObjectDisposedException"] = _ => WithPolicyAsync(Reach.Folder, policy =>
        {
            policy.Dispose();
            policy.Act(Seen, "go");
        }),

        ["ModelDescription.Read: ModelException"] = Does(_ => ModelDescription.Read("/no/such/folder")),
        ["FlowModelDescription.Read: ModelException"] = Does(_ => FlowModelDescription.Read(Sums)),
        ["ThoughtModelDescription.Read: ModelException"] = Does(_ => ThoughtModelDescription.Read(Reach.Folder)),
        ["PolicyModelDescription.Read: ModelException"] = Does(_ => PolicyModelDescription.Read("/no/such/folder")),
        ["ModelSummary.Read: ModelException"] = Does(_ => ModelSummary.Read("/no/such/folder")),
        ["RequestChecker.Open: ModelException"] = Does(_ => RequestChecker.Open("/no/such/folder")),
        ["RequestChecker.Open: ProviderException"] = Does(_ => RequestChecker.Open(
            TestModel.Folder!, new TextToImageOptions { ProviderOptions = new Dictionary<string, string> { ["device_id"] = "0" } })),
        ["RequestChecker.Check: RequestException"] = Does(_ => RequestChecker.Open(TestModel.Folder!).Check(Empty)),
        ["PrecisionError.Measure: ModelException"] = Does(_ => PrecisionError.Measure("/no/such/folder", Fox)),
        ["PrecisionError.Measure: ProviderException"] = Does(_ => PrecisionError.Measure(TestModel.Folder!, Fox, load: OnCuda)),
        ["PrecisionError.Measure: RequestException"] = Does(_ => PrecisionError.Measure(TestModel.Folder!, Empty)),
        ["PrecisionError.Measure: InferenceException"] = Does(_ => MeasureFailing()),
        ["PrecisionError.Measure: OperationCanceledException"] =
            Does(_ => PrecisionError.Measure(TestModel.Folder!, Fox, cancellationToken: Cancelled)),

        ["GeneratedImage.Encode: ArgumentException"] = async test => (await test.DrawAsync()).Encode(ImageFormat.Png, Quality),
        ["GeneratedImage.SaveAsync: ArgumentException"] = async test => await (await test.DrawAsync()).SaveAsync(test.PathOf("fox.gif")),
        ["GeneratedImage.SaveAsync: IOException"] =
            async test => await (await test.DrawAsync()).SaveAsync(test.PathOf("nowhere/fox.png")),
        ["GeneratedImage.SaveAsync: UnauthorizedAccessException"] =
            async test => await (await test.DrawAsync()).SaveAsync(Path.Combine(test.ReadOnlyFolder(), "fox.png")),
        ["GeneratedImage.SaveAsync: OperationCanceledException"] =
            async test => await (await test.DrawAsync()).SaveAsync(test.PathOf("fox.png"), cancellationToken: Cancelled),
        ["RgbImage.#ctor: ArgumentOutOfRangeException"] = Does(_ => new RgbImage(0, 1, Array.Empty<byte>())),
        ["RgbImage.#ctor: ArgumentException"] = Does(_ => new RgbImage(2, 2, new byte[11])),
        ["RgbImage.Encode: ArgumentException"] = async test => (await test.DrawAsync()).Pixels.Encode(ImageFormat.Png, Quality),

        ["ImageFileInfo.Read: ImageFormatException"] = Does(test => ImageFileInfo.Read(test.FileOf("GIF89a"))),
        ["ImageFileInfo.Read: IOException"] = Does(test => ImageFileInfo.Read(test.PathOf("nowhere.png"))),
        ["ImageFileInfo.Read: UnauthorizedAccessException"] = Does(test => ImageFileInfo.Read(test._folder)),
        ["GenerationData.FromJson: JsonException"] = Does(_ => GenerationData.FromJson("{}")),

        ["ExecutionProviders.Parse: FormatException"] = Does(_ => ExecutionProviders.Parse("abacus")),
        ["ProviderReport.Of: ArgumentOutOfRangeException"] = Does(_ => ProviderReport.Of((ExecutionProvider)17)),
        ["Precision.Parse: FormatException"] = Does(_ => Precision.Parse("FP 32")),
        ["WindowSize.Parse: FormatException"] = Does(_ => WindowSize.Parse("wide")),
        ["ImageFileOptions.Quality: ArgumentOutOfRangeException"] = Does(_ => new ImageFileOptions { Quality = 0 }),
        ["GenerateManyOptions.MaxBatch: ArgumentOutOfRangeException"] = Does(_ => new GenerateManyOptions { MaxBatch = 0 }),
        ["TextToImageOptions.MaxBatch: ArgumentOutOfRangeException"] = Does(_ => new TextToImageOptions { MaxBatch = 0 }),
        ["TextToImageOptions.MaxQueueLength: ArgumentOutOfRangeException"] = Does(_ => new TextToImageOptions { MaxQueueLength = 0 }),
        ["TextToImageOptions.ExpectedBatch: ArgumentOutOfRangeException"] = Does(_ => new TextToImageOptions { ExpectedBatch = 0 }),
        ["ModelLoadOptions.ProviderOptions: ArgumentException"] =
            Does(_ => new ModelLoadOptions { ProviderOptions = new Dictionary<string, string> { ["device_id"] = "" } }),
        ["ModelLoadOptions.Threads: ArgumentOutOfRangeException"] = Does(_ => new ModelLoadOptions { Threads = -1 }),
    };

    private static TextToImageOptions OnCuda => new() { Provider = ExecutionProvider.Cuda };

    private static GenerationOptions Tree => new() { Method = new ProactiveDrafting(), Window = 8 };

    private static string Sums => ThoughtTestModel.Folder!;

    /// <summary>An image of the flow.</summary>
    private static float[] Gray => new float[32 * 32 * 3];

    /// <summary>A picture for the policy.</summary>
    private static RgbImage Seen => Reach.See(0).Picture;

    private TextToImage Model => loaded.Model;

    public static TheoryData<string> Rows() => new(Throwing.Keys);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [ModelTheory]
    [MemberData(nameof(Rows))]
    public async Task The_documented_exception_is_thrown(string row)
    {
        Exception? error = await Record.ExceptionAsync(() => Throwing[row](this));

        string expected = row.Split(": ")[1];
        Assert.NotNull(error);
        Assert.True(IsA(error.GetType(), expected), $"{error}");
        if (error is SjdOnnxException)
            Messages.AssertReadable(error);

        // .NET's own exceptions may be of a more special type.
        static bool IsA(Type? type, string name) => type is not null
            && (type.Name == name || (name is nameof(OperationCanceledException) or nameof(IOException) && IsA(type.BaseType, name)));
    }

    /// <summary>
    /// Documentation that is inherited from another member is not in the file, so this test may have rows that the file has not.
    /// </summary>
    [Fact]
    public void Every_documented_exception_of_a_public_member_is_tested()
    {
        var documentation = XDocument.Load(Path.ChangeExtension(typeof(TextToImage).Assembly.Location, ".xml"));
        string[] documented =
        [
            .. from member in documentation.Descendants("member")
               from exception in member.Elements("exception")
               let name = PublicName((string)member.Attribute("name")!)
               where name is not null
               select $"{name}: {((string)exception.Attribute("cref")!).Split('.')[^1]}",
        ];

        Assert.Empty(documented.Distinct().Except(Throwing.Keys));
        Assert.InRange(documented.Length, 30, 200);
    }

    [Fact]
    public void Every_exception_type_of_the_library_has_the_same_base()
    {
        Type[] types = [.. typeof(TextToImage).Assembly.GetExportedTypes().Where(type => type.IsAssignableTo(typeof(Exception)))];
        Assert.InRange(types.Length, 6, 20);
        Assert.All(types, type => Assert.True(type.IsAssignableTo(typeof(SjdOnnxException)), $"{type} is no {nameof(SjdOnnxException)}."));
        Assert.True(typeof(SjdOnnxException).IsAbstract);
    }

    private static Func<ExceptionTests, Task> Does(Func<ExceptionTests, object?> action) => test =>
    {
        (action(test) as IDisposable)?.Dispose();
        return Task.CompletedTask;
    };

    private static async Task ReadAsync<T>(IAsyncEnumerable<T> values)
    {
        await foreach (T _ in values)
        {
            // the values do not matter
        }
    }

    private static async Task WithDisposedAsync(Func<TextToImage, Task> action)
    {
        TextToImage model = TextToImage.Load(TestModel.Folder!, new TextToImageOptions { Threads = 1 });
        model.Dispose();
        await action(model);
    }

    private static async Task WithFailingGraphAsync(Func<TextToImage, Task> action)
    {
        using var failing = new FailingModel();
        using TextToImage model = failing.Load();
        await action(model);
    }

    private static IReadOnlyList<PrecisionError> MeasureFailing()
    {
        using var failing = new FailingModel();
        return PrecisionError.Measure(failing.Folder, FailingModel.Bad, load: failing.Options);
    }

    private static async Task WithDamagedTreeAsync(Func<TextToImage, Task> action)
    {
        using var copy = new ModelCopy();
        copy.Replace("transformer.fp32.tree.onnx", File.ReadAllBytes(copy.PathOf("transformer.fp32.x2.onnx")));
        using TextToImage model = TextToImage.Load(copy.Folder, new TextToImageOptions { Precision = Precision.Fp32, Threads = 1 });
        await action(model);
    }

    private static async Task WithFlowAsync(Func<FlowModel, Task> action, string? folder = null)
    {
        using FlowModel flow = await FlowModel.LoadAsync(folder ?? Shapes.Folder);
        await action(flow);
    }

    private static Task WithDisposedFlowAsync(Func<FlowModel, Task> action) => WithFlowAsync(flow =>
    {
        flow.Dispose();
        return action(flow);
    });

    private static Task WithDamagedFlowAsync(Func<FlowModel, Task> action) =>
        WithDamagedAsync(Shapes.Folder, "flow.1.data", folder => WithFlowAsync(action, folder));

    private static async Task WithThoughtsAsync(string folder, Func<ThoughtModel, Task> action)
    {
        using ThoughtModel model = await ThoughtModel.LoadAsync(folder);
        await action(model);
    }

    private static async Task WithPolicyAsync(string folder, Action<PolicyModel> action)
    {
        using PolicyModel policy = await PolicyModel.LoadAsync(folder);
        action(policy);
    }

    /// <summary>Some weights of the model are no numbers, and model.json has the hash of that file.</summary>
    private static async Task WithDamagedAsync(string model, string weights, Func<string, Task> action)
    {
        using var copy = new ModelCopy(model);
        byte[] bytes = await File.ReadAllBytesAsync(copy.PathOf(weights));
        bytes.AsSpan(bytes.Length / 2, 4096).Fill(0xFF); // NaN
        copy.Replace(weights, bytes);
        await action(copy.Folder);
    }

    /// <summary>One image is drawn, and stops in its progress handler, and one waits.</summary>
    private static async Task WithFullQueueAsync(Func<TextToImage, Task> action)
    {
        using TextToImage model = TextToImage.Load(
            TestModel.Folder!, new TextToImageOptions { Threads = 1, MaxBatch = 1, MaxQueueLength = 1 });
        using var gate = new Gate();
        Task<GeneratedImage> drawn = model.GenerateAsync(Fox, progress: gate);
        await gate.Reached;
        Task<GeneratedImage> waiting = model.GenerateAsync(Fox);
        try
        {
            await action(model);
        }
        finally
        {
            gate.Open();
            await Task.WhenAll(drawn, waiting);
        }
    }

    /// <summary>The member as "Type.Member"; null if it is not public.</summary>
    private static string? PublicName(string id)
    {
        string[] path = id[2..].Split('(')[0].Split('.');
        Type? type = typeof(TextToImage).Assembly.GetType(string.Join('.', path[..^1]));
        bool isPublic = type is { IsVisible: true }
            && type.GetMember(path[^1].Replace('#', '.'), BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static).Length > 0;
        return isPublic ? $"{type!.Name}.{path[^1]}" : null;
    }

    private Task<GeneratedImage> DrawAsync() => Model.GenerateAsync(Fox, new GenerationOptions { Window = 16 });

    private string PathOf(string name) => Path.Combine(_folder, name);

    private string FileOf(string content)
    {
        File.WriteAllText(PathOf("file"), content.PadRight(100));
        return PathOf("file");
    }

    private string ReadOnlyFolder()
    {
        if (OperatingSystem.IsWindows())
            return Environment.SystemDirectory;
        if (Environment.IsPrivilegedProcess)
            return "/sys"; // where not even root may create files
        string folder = Directory.CreateDirectory(PathOf("read-only")).FullName;
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return folder;
    }
}
