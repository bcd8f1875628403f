using System.Globalization;

namespace SjdOnnx.Cli.Bench;

/// <summary>Colours and marks of a plot: lines differ in both, so that they can be told apart without seeing colours.</summary>
internal static class PlotStyle
{
    /// <summary>Before they repeat, with another mark; the first is the baseline's alone.</summary>
    private const int Colours = 10;

    /// <summary>Half the size of a mark.</summary>
    private const double R = 4.2;

    /// <summary>After Okabe and Ito, whose colours are distinct to all kinds of colour vision; lightened for the dark.</summary>
    public const string Css = """

        .bench text { font: 12px system-ui, sans-serif; fill: #333 }
        .bench .title { font-weight: 600 }
        .bench .paper { fill: #fff }
        .bench .grid { stroke: #ddd; fill: none }
        .bench .line { fill: none; stroke-width: 1.8 }
        .bench .mark { stroke: none }
        .bench .line.lossy { stroke-dasharray: 5 4 }
        .bench .line.s0 { stroke: #666 } .bench .mark.s0 { fill: #666 }
        .bench .line.s1 { stroke: #0072b2 } .bench .mark.s1 { fill: #0072b2 }
        .bench .line.s2 { stroke: #d55e00 } .bench .mark.s2 { fill: #d55e00 }
        .bench .line.s3 { stroke: #009e73 } .bench .mark.s3 { fill: #009e73 }
        .bench .line.s4 { stroke: #b0529a } .bench .mark.s4 { fill: #b0529a }
        .bench .line.s5 { stroke: #c08a00 } .bench .mark.s5 { fill: #c08a00 }
        .bench .line.s6 { stroke: #3a9bd0 } .bench .mark.s6 { fill: #3a9bd0 }
        .bench .line.s7 { stroke: #7a5230 } .bench .mark.s7 { fill: #7a5230 }
        .bench .line.s8 { stroke: #c2185b } .bench .mark.s8 { fill: #c2185b }
        .bench .line.s9 { stroke: #6a8f00 } .bench .mark.s9 { fill: #6a8f00 }
        @media (prefers-color-scheme: dark) {
          .bench text { fill: #ddd }
          .bench .paper { fill: #16181d }
          .bench .grid { stroke: #3a3d44 }
          .bench .line.s0 { stroke: #aaa } .bench .mark.s0 { fill: #aaa }
          .bench .line.s1 { stroke: #4aa8e0 } .bench .mark.s1 { fill: #4aa8e0 }
          .bench .line.s2 { stroke: #ff8a3d } .bench .mark.s2 { fill: #ff8a3d }
          .bench .line.s3 { stroke: #2fce9f } .bench .mark.s3 { fill: #2fce9f }
          .bench .line.s4 { stroke: #e08ac8 } .bench .mark.s4 { fill: #e08ac8 }
          .bench .line.s5 { stroke: #f0c040 } .bench .mark.s5 { fill: #f0c040 }
          .bench .line.s6 { stroke: #8fd3ff } .bench .mark.s6 { fill: #8fd3ff }
          .bench .line.s7 { stroke: #c99b73 } .bench .mark.s7 { fill: #c99b73 }
          .bench .line.s8 { stroke: #ff6f9f } .bench .mark.s8 { fill: #ff6f9f }
          .bench .line.s9 { stroke: #b4d44a } .bench .mark.s9 { fill: #b4d44a }
        }

        """;

    /// <summary>The class of a line's colour.</summary>
    /// <param name="series">From 0, which is the baseline.</param>
    public static string Colour(int series) => FormattableString.Invariant($"s{(series == 0 ? 0 : 1 + ((series - 1) % (Colours - 1)))}");

    /// <summary>The path of a mark around a point.</summary>
    /// <param name="series">From 0; five shapes take turns, so that a colour comes back with another.</param>
    public static string Mark(int series, double x, double y) => (series % 5) switch
    {
        0 => Path($"M{x - R:0.#} {y:0.#}a{R} {R} 0 1 0 {2 * R:0.#} 0a{R} {R} 0 1 0 {-2 * R:0.#} 0z"),
        1 => Path($"M{x - R:0.#} {y - R:0.#}h{2 * R:0.#}v{2 * R:0.#}h{-2 * R:0.#}z"),
        2 => Path($"M{x:0.#} {y - R - 1:0.#}l{R + 1:0.#} {R + 1:0.#}l{-R - 1:0.#} {R + 1:0.#}l{-R - 1:0.#} {-R - 1:0.#}z"),
        3 => Path($"M{x:0.#} {y - R - 0.5:0.#}l{R + 0.5:0.#} {2 * R:0.#}h{(-2 * R) - 1:0.#}z"),
        _ => Path($"M{x:0.#} {y + R + 0.5:0.#}l{R + 0.5:0.#} {-2 * R:0.#}h{(-2 * R) - 1:0.#}z"),
    };

    private static string Path(FormattableString path) => path.ToString(CultureInfo.InvariantCulture);
}
