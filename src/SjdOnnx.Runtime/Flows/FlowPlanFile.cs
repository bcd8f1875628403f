using SjdOnnx.Flows;
using SjdOnnx.Runtime.Model;
using SjdOnnx.Runtime.Text;

namespace SjdOnnx.Runtime.Flows;

/// <summary>plan.json in a model folder. The exporter does not write it, so model.json does not list it.</summary>
internal static class FlowPlanFile
{
    public const string Name = "plan.json";

    private const int MaxBytes = 1 << 20;

    /// <returns>The plan; null if the folder has none.</returns>
    /// <exception cref="ModelException">It cannot be read, or does not fit the model.</exception>
    public static FlowPlan? ReadBeside(ModelFiles files, FlowSection flow)
    {
        if (!Path.Exists(files.PathOf(Name)))
            return null;
        byte[] json = files.Read(Name, MaxBytes);
        try
        {
            FlowPlan plan = FlowPlanText.Parse(json);
            plan.CheckFor(flow.Blocks.Length, flow.Tokens);
            return plan;
        }
        catch (Exception error) when (error is FormatException or ArgumentException)
        {
            throw new ModelException($"{Name} in the model folder cannot be used: {Sentence.Of(error)} Correct it, or delete it.", error);
        }
    }
}
