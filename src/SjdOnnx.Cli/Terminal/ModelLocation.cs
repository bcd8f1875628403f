namespace SjdOnnx.Cli.Terminal;

/// <summary>Finds the folder of the model that --model names.</summary>
internal static class ModelLocation
{
    /// <summary>The built-in model.</summary>
    public const string DefaultName = "emoji";

    /// <summary>What a model on the command line can be.</summary>
    public const string Description =
        $"Model folder, or a name that stands for onnx-models/NAME (default: {DefaultName}, the built-in model)";

    private const string ModelsFolder = "onnx-models";

    /// <param name="model">
    /// A path; a name, which stands for onnx-models/NAME beside the program, in the current folder or one above it, or above the program;
    /// or null for the built-in model.
    /// </param>
    /// <returns>The folder. It exists if <paramref name="model"/> is a name.</returns>
    /// <exception cref="CommandException">There is no model of that name.</exception>
    public static string Find(string? model) =>
        Find(model, AppContext.BaseDirectory, Directory.GetCurrentDirectory());

    /// <summary>Every folder that a name can stand for, in the order of the search.</summary>
    public static IEnumerable<string> All() => All(AppContext.BaseDirectory, Directory.GetCurrentDirectory());

    internal static IEnumerable<string> All(string programFolder, string currentFolder) => Places(programFolder, currentFolder)
        .Select(place => Path.Combine(place, ModelsFolder))
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        .Where(folder => File.Exists(Path.Combine(folder, "model.json")))
        .DistinctBy(Path.GetFileName);

    internal static string Find(string? model, string programFolder, string currentFolder)
    {
        string name = model ?? DefaultName;
        if (model is not null && (!IsName(model) || File.Exists(Path.Combine(currentFolder, model, "model.json"))))
            return model;

        return Places(programFolder, currentFolder)
            .Select(place => Path.Combine(place, ModelsFolder, name)).FirstOrDefault(Directory.Exists)
            ?? throw new CommandException(ExitCode.Model,
                $"There is no model '{name}': no folder {ModelsFolder}/{name} beside the program, in the current folder or in one above " +
                "it; give the path of a model folder.");
    }

    private static IEnumerable<string> Places(string programFolder, string currentFolder) =>
        [programFolder, .. AndAbove(currentFolder), .. AndAbove(programFolder)];

    private static bool IsName(string model) =>
        model is not ("" or "." or "..") && Path.GetFileName(model) == model && !Path.IsPathRooted(model);

    private static IEnumerable<string> AndAbove(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
            yield return at.FullName;
    }
}
