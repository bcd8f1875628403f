using SjdOnnx.Actions;
using SjdOnnx.Runtime;

namespace SjdOnnx.Cli.Act;

/// <summary>One attempt of a policy at the built-in task.</summary>
/// <param name="IsDone">Whether the block lies on the pad at the end.</param>
/// <param name="Steps">Actions that were executed.</param>
/// <param name="Answers">What the policy decided, in order.</param>
internal sealed record Episode(bool IsDone, int Steps, IReadOnlyList<PolicyAnswer> Answers)
{
    /// <summary>Answers until an attempt counts as failed. The oracle needs up to 5.</summary>
    public const int MaxAnswers = 12;

    /// <summary>Runs an attempt: the policy looks, all actions of its answer are executed, and so on.</summary>
    /// <param name="number">Which of the seed's tables.</param>
    /// <param name="watch">Called with the table before the first action and after each; null for nobody.</param>
    public static Episode Run(
        PolicyModel policy, ActionDecoding decoding, ulong seed, uint number, Action<BlockTable>? watch, CancellationToken cancellation)
    {
        BlockTable table = BlockTable.Random(seed, number);
        watch?.Invoke(table);
        var answers = new List<PolicyAnswer>();
        int steps = 0;
        while (answers.Count < MaxAnswers && !table.IsDone)
        {
            var picture = new RgbImage(BlockTable.Side, BlockTable.Side, table.Draw());
            uint answer = (number * MaxAnswers) + (uint)answers.Count;
            answers.Add(policy.Act(picture, table.Instruction, decoding, seed, answer, cancellation));
            foreach (IReadOnlyList<double> action in answers[^1].Actions)
            {
                table.Step(action);
                steps++;
                watch?.Invoke(table);
                if (table.IsDone)
                    break;
            }
        }

        return new Episode(table.IsDone, steps, answers);
    }
}
