namespace SjdOnnx.Methods;

/// <summary>A decoding method as lists show it.</summary>
/// <param name="Name">The name users know it by.</param>
/// <param name="Summary">What it does, in a line.</param>
/// <param name="IsExact">Whether its pictures are distributed exactly as those of <c>ar</c>; if not, it is <em>lossy</em>, and users are to
/// be told.</param>
/// <param name="IsSeedExact">Whether its picture is the one that <c>ar</c> draws with the same seed.</param>
/// <param name="ReadsNoise">Whether it needs a model that was fine-tuned to read noise.</param>
/// <param name="Options">The properties of <see cref="DecodingOptions"/> that it looks at.</param>
public sealed record MethodDescription(string Name, string Summary, bool IsExact, bool IsSeedExact, bool ReadsNoise, IReadOnlyList<string> Options);
