using SjdOnnx.Cli.Terminal;

namespace SjdOnnx.Cli.Tests.Terminal;

public sealed class ModelLocationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sjdonnx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_name_is_looked_for_beside_the_program_and_then_above_the_current_folder()
    {
        string program = Make("program");
        string current = Make("repository/src/deep");
        string above = Make("repository/onnx-models/emoji");
        Assert.Equal(above, ModelLocation.Find(null, program, current));
        Assert.Equal(above, ModelLocation.Find("emoji", program, current));

        string beside = Make("program/onnx-models/emoji");
        Assert.Equal(beside, ModelLocation.Find(null, program, current));
    }

    [Fact]
    public void Anything_with_a_separator_and_any_model_folder_here_is_taken_as_a_path()
    {
        string current = Make("current");
        Assert.Equal("./emoji", ModelLocation.Find("./emoji", current, current));
        Assert.Equal("..", ModelLocation.Find("..", current, current));
        Assert.Equal("models/emoji", ModelLocation.Find("models/emoji", current, current));

        File.WriteAllText(Path.Combine(Make("current/mine"), "model.json"), "{}");
        Assert.Equal("mine", ModelLocation.Find("mine", current, current));
    }

    [Fact]
    public void The_error_for_an_unknown_name_says_where_it_was_looked_for()
    {
        var error = Assert.Throws<CommandException>(() => ModelLocation.Find("nowhere", _folder, _folder));

        Assert.Equal(ExitCode.Model, error.ExitCode);
        Assert.Contains("onnx-models/nowhere", error.Message, StringComparison.Ordinal);
    }

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
}
