using SjdOnnx.Runtime;

namespace SjdOnnx.Cli;

/// <summary>How many pictures a model can draw in one forward pass.</summary>
internal static class BatchLimit
{
    /// <param name="option">Who asked, such as --batch.</param>
    /// <exception cref="CommandException"><paramref name="pictures"/> are too many.</exception>
    public static void Check(string option, int pictures, ModelDescription model)
    {
        int largest = model.Batches[^1];
        if (pictures > largest)
        {
            throw new CommandException(ExitCode.Request,
                $"{option} has {pictures}; at {model.Precision} {model.Name} draws at most {largest} in a pass. Ask for fewer.");
        }
    }
}
