using SjdOnnx.Sampling;

namespace SjdOnnx.Actions;

/// <summary>
/// A table with two blocks, a pad and a gripper above, as docs/actions.md specifies it. export/training/policy/world.py is the same in
/// Python, to the last bit: every operation is exact or correctly rounded.
/// </summary>
public sealed class BlockTable
{
    /// <summary>Pixels of a picture's side.</summary>
    public const int Side = 32;

    /// <summary>The most that one action moves the gripper along x and y.</summary>
    public const double MaxMove = 0.12;

    /// <summary>The most that one action moves it along z.</summary>
    public const double MaxLift = 0.5;

    private const double Reach = 0.06, Low = 0.25, Goal = 0.07, Apart = 0.25;

    private static readonly string[] Names = ["red", "green", "blue"];
    private static readonly double[][] Colors = [[205, 50, 45], [50, 155, 70], [55, 85, 200]];
    private static readonly double[] Table = [236, 232, 224], PadColor = [250, 214, 120], Rim = [150, 110, 40];
    private static readonly double[] Open = [35, 35, 40], Closed = [200, 60, 200];

    private readonly double[][] _blocks;
    private readonly int[] _colors;
    private readonly double[] _pad;
    private readonly double[] _gripper;

    /// <param name="gripper">Its x, y and z, each from 0 to 1: x to the right, y down, z up.</param>
    /// <param name="blocks">x and y of both blocks.</param>
    /// <param name="colors">The colors of both: 0 red, 1 green, 2 blue.</param>
    /// <param name="pad">x and y of the pad.</param>
    /// <param name="wanted">The index of the block that belongs on the pad.</param>
    /// <exception cref="ArgumentException">A list has another length, or a color or the index is out of range.</exception>
    public BlockTable(
        IReadOnlyList<double> gripper, IReadOnlyList<IReadOnlyList<double>> blocks, IReadOnlyList<int> colors, IReadOnlyList<double> pad,
        int wanted)
    {
        if (gripper.Count != 3 || blocks.Count != 2 || blocks.Any(static block => block.Count != 2) || colors.Count != 2 || pad.Count != 2)
            throw new ArgumentException("A table has a gripper of 3 numbers, 2 blocks of 2 numbers, 2 colors and a pad of 2 numbers.");
        if (wanted is not (0 or 1) || colors.Any(static color => color is < 0 or > 2))
            throw new ArgumentException(
                $"The wanted block is {wanted} and the colors are {string.Join(", ", colors)}; expected 0 or 1, and 0 to 2.");
        (_gripper, _blocks, _colors, _pad, Wanted) =
            ([.. gripper], [.. blocks.Select(static block => block.ToArray())], [.. colors], [.. pad], wanted);
    }

    /// <summary>x, y and z of the gripper.</summary>
    public IReadOnlyList<double> Gripper => _gripper;

    /// <summary>x and y of both blocks.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Blocks => _blocks;

    /// <summary>Whether the gripper is closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The index of the block in the gripper; -1 for none.</summary>
    public int Held { get; private set; } = -1;

    /// <summary>The index of the block that belongs on the pad.</summary>
    public int Wanted { get; }

    /// <summary>What to tell the policy.</summary>
    public string Instruction => $"put the {Names[_colors[Wanted]]} block on the pad";

    /// <summary>Whether the wanted block lies on the pad.</summary>
    public bool IsDone => Held != Wanted && Distance(_blocks[Wanted], _pad) <= Goal;

    /// <summary>A table by chance, on which blocks and pad are at least 0.25 apart.</summary>
    /// <param name="seed">The same seed gives the same table.</param>
    /// <param name="episode">Which of the seed's tables.</param>
    public static BlockTable Random(ulong seed, uint episode)
    {
        uint used = 0;
        double[][] places;
        do
        {
            places = [.. Enumerable.Range(0, 3).Select(_ => new[] { Uniform(0.12, 0.88), Uniform(0.12, 0.88) })];
        }
        while (Distance(places[0], places[1]) < Apart || Distance(places[0], places[2]) < Apart || Distance(places[1], places[2]) < Apart);
        int first = Below(3);
        return new BlockTable(
            [Uniform(0.1, 0.9), Uniform(0.1, 0.9), 1], places[..2], [first, (first + 1 + Below(2)) % 3], places[2], Below(2));

        uint Bits() => Philox.At(new Philox.Block(0xB10C, episode, 0, used++), seed).First;
        double Uniform(double least, double most) => least + ((most - least) * Bits() / 4294967296.0);
        int Below(int count) => (int)(((ulong)Bits() * (ulong)count) >> 32);
    }

    /// <summary>Executes an action: moves along x, y and z, and the gripper's command, which closes it if it is positive.</summary>
    /// <exception cref="ArgumentException">There are not 4 numbers, or one is not finite.</exception>
    public void Step(IReadOnlyList<double> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        if (action.Count != 4 || !action.All(double.IsFinite))
            throw new ArgumentException($"An action has 4 finite numbers; these are {string.Join(", ", action)}.", nameof(action));
        for (int axis = 0; axis < 3; axis++)
        {
            double limit = axis < 2 ? MaxMove : MaxLift;
            _gripper[axis] = Math.Clamp(_gripper[axis] + Math.Clamp(action[axis], -limit, limit), 0, 1);
        }

        int before = Held;
        if (action[3] > 0)
        {
            int nearest = Distance(_blocks[1], _gripper) < Distance(_blocks[0], _gripper) ? 1 : 0;
            if (!IsClosed && _gripper[2] <= Low && Distance(_blocks[nearest], _gripper) <= Reach)
                Held = nearest;
        }
        else
        {
            Held = -1;
        }

        IsClosed = action[3] > 0;
        int carried = Held >= 0 ? Held : before; // a block that is let go falls where the gripper is now
        if (carried >= 0)
            (_blocks[carried][0], _blocks[carried][1]) = (_gripper[0], _gripper[1]);
    }

    /// <summary>The table from above: <see cref="Side"/> × <see cref="Side"/> × 3 bytes, RGB.</summary>
    public byte[] Draw()
    {
        var pixels = new byte[Side * Side * 3];
        double[] color = new double[3];
        for (int row = 0; row < Side; row++)
        {
            for (int column = 0; column < Side; column++)
            {
                DrawPixel((column + 0.5) / Side, (row + 0.5) / Side, color);
                for (int channel = 0; channel < 3; channel++)
                    pixels[(((row * Side) + column) * 3) + channel] = (byte)Math.Floor(color[channel] + 0.5);
            }
        }

        return pixels;
    }

    private void DrawPixel(double x, double y, double[] color)
    {
        Table.CopyTo(color, 0);
        double fromPad = Length(x - _pad[0], y - _pad[1]);
        Paint(color, 0.11 - fromPad, PadColor);
        Paint(color, 0.015 - Math.Abs(fromPad - 0.11), Rim);
        for (int block = 0; block < 2; block++)
            Paint(color, 0.07 - Math.Max(Math.Abs(x - _blocks[block][0]), Math.Abs(y - _blocks[block][1])), Colors[_colors[block]]);
        double ring = 0.045 + (0.035 * _gripper[2]);
        Paint(color, 0.015 - Math.Abs(Length(x - _gripper[0], y - _gripper[1]) - ring), IsClosed ? Closed : Open);
    }

    /// <summary>Blends a color in.</summary>
    /// <param name="inside">The distance to the shape's edge, negative outside.</param>
    private static void Paint(double[] color, double inside, double[] with)
    {
        double cover = Math.Clamp((inside * Side) + 0.5, 0, 1);
        for (int channel = 0; channel < 3; channel++)
            color[channel] += (with[channel] - color[channel]) * cover;
    }

    private static double Distance(double[] a, double[] b) => Length(a[0] - b[0], a[1] - b[1]);

    private static double Length(double x, double y) => Math.Sqrt((x * x) + (y * y));
}
