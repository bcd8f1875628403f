namespace SjdOnnx.Cli;

/// <summary>Finds the folder of the model that --model names.</summary>
internal static class ModelLocation
{
    /// <summary>Drawn with when nothing is said.</summary>
    public const string DefaultName = "emoji";

    private const string ModelsFolder = "onnx-models";

    /// <param name="model">A path; or a name, which stands for onnx-models/NAME beside the program, or in the current folder or one
    /// above it, or above the program; or null for the built-in model.</param>
    /// <returns>A path that exists if <paramref name="model"/> was a name.</returns>
    /// <exception cref="CommandException">There is no model of that name.</exception>
    public static string Find(string? model) =>
        Find(model, AppContext.BaseDirectory, Directory.GetCurrentDirectory());

    /// <summary>The folders that a name can stand for, those that come first in a search first.</summary>
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

        return Places(programFolder, currentFolder).Select(place => Path.Combine(place, ModelsFolder, name)).FirstOrDefault(Directory.Exists)
            ?? throw new CommandException(ExitCode.Model,
                $"There is no model '{name}': no folder {ModelsFolder}/{name} beside the program, in the current folder or in one above " +
                "it; give --model the path of a folder that the exporter wrote.");
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
