namespace SjdOnnx.Runtime.Model;

/// <summary>The fields of model.json that models of all kinds have.</summary>
internal abstract record ModelManifest
{
    /// <summary>Major and minor version, such as "3.0".</summary>
    public required string Format { get; init; }

    /// <summary>A <see cref="ModelKind.Name"/>; null for a model of images.</summary>
    public string? Kind { get; init; }

    public required string Name { get; init; }

    public required string Family { get; init; }

    public required LicenseSection License { get; init; }

    /// <summary>All files of the folder except model.json, by name.</summary>
    public required Dictionary<string, FileSection> Files { get; init; }

    /// <summary>Bytes of <see cref="Files"/>.</summary>
    public long Bytes() => Files.Values.Sum(static file => file.Bytes);
}
