using SjdOnnx.Cli.Terminal;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Sampling;

namespace SjdOnnx.Cli.Tests.Methods;

/// <summary>A method that the library does not know, with an option of its own, in every command that has to do with methods.</summary>
public sealed class OutsideMethodTests : IDisposable
{
    private static readonly DecodingMethods Methods = DecodingMethods.BuiltIn.Add(CappedAcceptance.Descriptor);

    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;
    private readonly TextWriter _console = Console.Out;
    private readonly StringWriter _output = new();

    public OutsideMethodTests() => Console.SetOut(_output);

    public void Dispose()
    {
        Console.SetOut(_console);
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("generate", "--max-accepted <VALUE>")]
    [InlineData("bench", "--max-accepted <A,B>")]
    public async Task Its_option_is_explained_by_help(string command, string option)
    {
        await RunAsync(command, "--help");

        string help = string.Join(' ', _output.ToString().Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"{option} capped: drafts that a pass accepts at most (", help, StringComparison.Ordinal);
        Assert.Contains("1 to 64; default: 2)", help, StringComparison.Ordinal);
        Assert.Contains("capped, early-exit", help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_listed_with_its_option()
    {
        await RunAsync("methods");

        Assert.Matches(@"\| capped +\| yes +\| as sjd, but a pass accepts few drafts +\| --window --init --max-accepted +\|",
            _output.ToString());
    }

    [ModelTheory]
    [InlineData(2)]
    [InlineData(1, "--max-accepted", "1")]
    public async Task It_draws_with_the_value_of_its_option_and_records_it(int cap, params string[] options)
    {
        string file = Path.Combine(_folder, "fox.png");

        await RunAsync(["generate", "a fox", "--model", TestModel.Folder!, "--method", "capped", "--window", "8", "-o", file, .. options]);

        Assert.Equal($"{file}\n", _output.ToString());
        GenerationData data = GenerationData.FromJson(ImageFileInfo.Read(file).GenerationJson!);
        Assert.Equal("capped", data.Request.Method);
        Assert.Equal($$"""{"max_accepted":{{cap}}}""", data.Request.MethodOptions!.ToJsonString());
        IReadOnlyList<int> accepted = data.Statistics!.AcceptedHistogram!;
        Assert.All(accepted.Skip(cap + 1), passes => Assert.Equal(0, passes));
        Assert.NotEqual(0, accepted[cap]);
    }

    [Theory]
    [InlineData("--max-accepted is an option of capped; the method is sjd.", "sjd", "1")]
    [InlineData("--max-accepted is '0'; it must be 1 to 64.", "capped", "0")]
    public async Task Its_option_is_refused_for_other_methods_and_out_of_its_range(string because, string method, string value)
    {
        var error = await Assert.ThrowsAsync<CommandException>(() => new CommandLine(Methods)
            .Parse(["generate", "a fox", "--method", method, "--max-accepted", value])
            .InvokeAsync(new() { EnableDefaultExceptionHandler = false }));

        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.StartsWith(because, error.Message, StringComparison.Ordinal);
    }

    private static async Task RunAsync(params string[] arguments)
    {
        int exitCode = await new CommandLine(Methods).Parse(arguments).InvokeAsync(
            new() { EnableDefaultExceptionHandler = false, Output = Console.Out });
        Assert.Equal(ExitCode.Done, exitCode);
    }

    /// <summary>SJD that accepts no more than a few drafts in a pass. It stays exact: what it leaves is judged again.</summary>
    private sealed record CappedAcceptance : IDecodingMethod
    {
        private static readonly SpeculativeJacobi Sjd = new();

        private static readonly MethodOption<CappedAcceptance, int> Max = MethodOption.Number<CappedAcceptance, int>(
            "max-accepted", "drafts that a pass accepts at most", 2, 1, 64,
            method => method.MaxAccepted, (method, value) => method with { MaxAccepted = value });

        public static MethodDescriptor Descriptor { get; } =
            new("capped", "as sjd, but a pass accepts few drafts", Exactness.Exact, new CappedAcceptance(), Max);

        MethodDescriptor IDecodingMethod.Descriptor => Descriptor;

        public int MaxAccepted { get; init => field = Max.Checked(value); } = Max.Default!.Value;

        public Verdict Verify(Window window, PassRandom random)
        {
            Verdict verdict = Sjd.Verify(window, random);
            return verdict.Accepted <= MaxAccepted ? verdict : new Verdict(MaxAccepted, window[window.Start + MaxAccepted]);
        }

        public void Redraft(Window window, PassRandom random) => ((IDecodingMethod)Sjd).Redraft(window, random);
    }
}
