namespace SjdOnnx.Runtime;

/// <summary>When a model's files are compared with the SHA-256 hashes in its model.json. Their lengths are always compared.</summary>
public enum HashVerification
{
    /// <summary>Never.</summary>
    None,

    /// <summary>
    /// When a file is new or has changed. The cache folder remembers its path, length and time of last change. Without a cache folder this
    /// is <see cref="Always"/>.
    /// </summary>
    Once,

    /// <summary>At each load.</summary>
    Always,
}
