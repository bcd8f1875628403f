namespace SjdOnnx.Runtime;

/// <summary>What is known of every model, whatever it does: from its model.json, without loading it.</summary>
public interface IModelDescription
{
    /// <summary>The model's name.</summary>
    string Name { get; }

    /// <summary>The architecture or the method, such as "chameleon" or "tarflow".</summary>
    string Family { get; }

    /// <summary>
    /// SHA-256 of model.json in lower-case hex. It holds the hashes of all other files, so it identifies the whole model.
    /// </summary>
    string Hash { get; }

    /// <summary>SPDX identifier of the model's license.</summary>
    string License { get; }

    /// <summary>What people who use the model must be told.</summary>
    string LicenseNotice { get; }

    /// <summary>Whether the license allows commercial use.</summary>
    bool AllowsCommercialUse { get; }

    /// <summary>Bytes of all files that model.json names.</summary>
    long Bytes { get; }
}
