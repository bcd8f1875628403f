using SjdOnnx.Cli.Terminal;
using SjdOnnx.Flows;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Flow;

/// <summary>How the command line says that blocks are solved.</summary>
/// <param name="Name">One of <see cref="Names"/>.</param>
/// <param name="PlanFile">--plan; null if it was not given.</param>
/// <param name="Segments">--segments.</param>
/// <param name="Block">The options of an iteration.</param>
internal sealed record FlowWay(string Name, string? PlanFile, int Segments, BlockPlan Block)
{
    public const string Sequential = "sequential";
    public const string Jacobi = "jacobi";
    public const string GaussSeidel = "gs";
    public const string FirstSequential = "sejd";
    public const string Auto = "auto";

    private const int MaxPlanBytes = 1 << 20;

    public static readonly string[] Names = [Sequential, Jacobi, GaussSeidel, FirstSequential, Auto];

    /// <summary>The plan of the way that was chosen.</summary>
    /// <exception cref="CommandException">The plan's file cannot be read, or the way has no plan.</exception>
    public FlowPlan For(FlowModel model) => For(Name, model);

    /// <summary>The plan of a way.</summary>
    /// <exception cref="CommandException">The plan's file cannot be read, or the way has no plan.</exception>
    public FlowPlan For(string way, FlowModel model)
    {
        if (PlanFile is not null && Name is not (Auto or GaussSeidel))
            throw new CommandException(ExitCode.Usage, $"--plan is an option of the ways {Auto} and {GaussSeidel}, and --way is {Name}.");
        int blocks = model.Description.Blocks;
        return way switch
        {
            Sequential => FlowPlan.Sequential(blocks),
            Jacobi => FlowPlan.All(blocks, Block with { Segments = 1 }),
            FirstSequential => FlowPlan.FirstSequential(blocks, Block with { Segments = 1 }),
            GaussSeidel => Given() ?? model.Plan ?? FlowPlan.All(blocks, Block with { Segments = Segments }),
            _ => Given() ?? model.Plan ?? FlowPlan.Sequential(blocks),
        };
    }

    private FlowPlan? Given()
    {
        if (PlanFile is null)
            return null;
        try
        {
            var file = new FileInfo(PlanFile);
            if (!file.Exists || file.Length is 0 or > MaxPlanBytes)
                throw new CommandException(ExitCode.Input, $"'{PlanFile}' is not a plan: it is not a file of 1 byte to 1 MB.");
            return FlowPlanText.Parse(File.ReadAllBytes(PlanFile));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Input, $"'{PlanFile}' cannot be read: {error.Message.TrimEnd('.')}.", error);
        }
        catch (FormatException error)
        {
            throw new CommandException(ExitCode.Input, $"'{PlanFile}' cannot be used. {error.Message}", error);
        }
    }
}
