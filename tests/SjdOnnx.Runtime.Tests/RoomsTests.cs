using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace SjdOnnx.Runtime.Tests;

/// <summary>
/// The rooms of src: each folder of a library is a namespace, and rooms use each other in one direction. The root of SjdOnnx.Runtime is the
/// public face, which every room may use.
/// </summary>
public partial class RoomsTests
{
    private const int MaxLines = 300;

    /// <summary>The files of the public face that put the rooms together, and the types that encode images.</summary>
    private static readonly string[] MayUseRooms =
    [
        "TextToImage.cs", "RequestChecker.cs", "PrecisionError.cs", "ProviderReport.cs",
        "ModelDescription.cs", "LicenseNotice.cs", "GeneratedImage.cs", "RgbImage.cs",
        "FlowModel.cs", "FlowModelDescription.cs", "ThoughtModel.cs", "ThoughtModelDescription.cs",
        "PolicyModel.cs", "PolicyModelDescription.cs", "SystemDescription.cs", "ModelSummary.cs",
    ];

    [Theory]
    [InlineData("SjdOnnx")]
    [InlineData("SjdOnnx.Runtime")]
    [InlineData("SjdOnnx.Server")]
    public void Rooms_form_no_circle(string project)
    {
        Dictionary<string, string[]> uses = Files(project)
            .Where(file => file.Room.Length > 0)
            .GroupBy(file => file.Room)
            .ToDictionary(
                room => room.Key,
                room => room.SelectMany(file => RoomsUsedBy(file, project)).Distinct().Except([room.Key]).ToArray());
        Assert.InRange(uses.Count, 4, 20);
        Assert.Contains(uses.Values, used => used.Length > 0);
        var finished = new HashSet<string>();
        foreach (string room in uses.Keys)
            Visit(room, []);

        void Visit(string room, string[] path)
        {
            IEnumerable<string> circle = path.SkipWhile(one => one != room);
            Assert.False(path.Contains(room), $"{project}: the rooms {string.Join(" → ", circle)} → {room} form a circle.");
            if (!finished.Contains(room))
            {
                foreach (string used in uses.GetValueOrDefault(room, []))
                    Visit(used, [.. path, room]);
                finished.Add(room);
            }
        }
    }

    [Fact]
    public void Only_the_files_that_put_the_rooms_together_use_them_from_the_public_face()
    {
        Source[] files = [.. Files("SjdOnnx.Runtime").Where(file => file.Room.Length == 0 && RoomsUsedBy(file, "SjdOnnx.Runtime").Any())];
        Assert.Empty(files.Select(file => file.Name).Except(MayUseRooms));
    }

    [Fact]
    public void The_core_does_not_use_the_runtime() =>
        Assert.DoesNotContain(Files("SjdOnnx"), file => file.Lines.Any(line => line.Contains("SjdOnnx.Runtime", StringComparison.Ordinal)));

    [Fact]
    public void No_source_file_has_more_than_300_lines()
    {
        string root = Path.Combine(Root(), "src");
        string[] sources = [.. Sources(root)];
        Assert.InRange(sources.Length, 50, 1000);
        Assert.Empty(sources.Where(file => File.ReadLines(file).Count() > MaxLines).Select(file => Path.GetRelativePath(root, file)));
    }

    [Fact]
    public void One_project_references_ONNX_Runtime()
    {
        string root = Root();
        string[] referencing =
        [
            .. from project in Directory.GetFiles(root, "*.csproj", SearchOption.AllDirectories)
               where XDocument.Load(project).Descendants("PackageReference").Any(IsOnnxRuntime)
               select Path.GetRelativePath(root, project).Replace('\\', '/'),
        ];
        Assert.Equal(["src/SjdOnnx.Runtime/SjdOnnx.Runtime.csproj"], referencing);

        // onnxruntime-genai is an engine of its own, which tools/peers measures
        static bool IsOnnxRuntime(XElement package) =>
            (string?)package.Attribute("Include") is { } name && name != "Microsoft.ML.OnnxRuntimeGenAI" &&
            name.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal);
    }

    private static IEnumerable<Source> Files(string project)
    {
        string root = Path.Combine(Root(), "src", project);
        return Sources(root).Select(file => new Source(
            Path.GetDirectoryName(Path.GetRelativePath(root, file))!.Replace('\\', '/'), Path.GetFileName(file), File.ReadAllLines(file)));
    }

    private static IEnumerable<string> Sources(string root) => Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
        .Where(file => !Path.GetRelativePath(root, file).Split('/', '\\').Any(folder => folder is "bin" or "obj"));

    private static IEnumerable<string> RoomsUsedBy(Source file, string project) =>
        from line in file.Lines
        let used = Using().Match(line)
        where used.Success && used.Groups[1].Value.StartsWith(project + ".", StringComparison.Ordinal)
        select used.Groups[1].Value[(project.Length + 1)..].Replace('.', '/');

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "SjdOnnx.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("There is no SjdOnnx.sln above the tests.");
    }

    [GeneratedRegex(@"^(?:global )?using (?:static )?(?:\w+ = )?(SjdOnnx[\w.]*);")]
    private static partial Regex Using();

    /// <param name="Room">The folder below the project's; empty for the root.</param>
    private sealed record Source(string Room, string Name, string[] Lines);
}
