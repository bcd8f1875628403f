using System.Text.Json;
using SjdOnnx.Runtime.Model;

namespace SjdOnnx.Runtime.Tests.Model;

public sealed class VerifiedFilesTests : IDisposable
{
    private static readonly VerifiedFile Old = new(7, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks, "ab");

    private readonly string _cache = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [Fact]
    public void Verified_files_are_remembered_for_each_model_folder()
    {
        Assert.Empty(Files().Read());
        Assert.True(Files().Write(new Dictionary<string, VerifiedFile> { ["a"] = Old }));
        Assert.Equal(new Dictionary<string, VerifiedFile> { ["a"] = Old }, Files().Read());
        Assert.Empty(new VerifiedFiles(_cache, "other").Read());
        Assert.Equal([Files().FilePath!], Directory.GetFiles(_cache));
    }

    [Fact]
    public void A_file_that_has_just_changed_is_not_remembered()
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        Assert.True(Files().Write(new Dictionary<string, VerifiedFile> { ["a"] = Old, ["b"] = Old with { Changed = now.UtcTicks } }));
        Assert.Equal(["a"], Files().Read().Keys);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("""{ "format": 1, "folder": FOLDER, "files": null }""")]
    [InlineData("""{ "format": 2, "folder": FOLDER, "files": { "a": FILE } }""")]
    [InlineData("""{ "format": 1, "folder": "/", "files": { "a": FILE } }""")]
    [InlineData("""{ "format": 1, "folder": FOLDER, "files": { "a": FILE, "b": null } }""")]
    [InlineData("""{ "format": 1, "folder": FOLDER, "files": { "a": { "bytes": 7, "changed": 1 } } }""")]
    public void A_damaged_record_of_verified_files_is_ignored(string content)
    {
        Write(content);
        Assert.Empty(Files().Read());
    }

    [Fact]
    public void A_whole_record_of_verified_files_is_read()
    {
        Write("""{ "format": 1, "folder": FOLDER, "files": { "a": FILE } }""");
        Assert.Equal(["a"], Files().Read().Keys);
    }

    [Fact]
    public void A_cache_folder_that_cannot_be_written_is_no_error()
    {
        File.WriteAllText(_cache, "in the way");
        Assert.False(Files().Write(new Dictionary<string, VerifiedFile> { ["a"] = Old }));
        Assert.Empty(Files().Read());
        Assert.False(new VerifiedFiles(null, "model").Write(new Dictionary<string, VerifiedFile>()));
        Assert.Empty(new VerifiedFiles(null, "model").Read());
    }

    public void Dispose()
    {
        if (Directory.Exists(_cache))
            Directory.Delete(_cache, recursive: true);
        File.Delete(_cache);
    }

    private void Write(string content)
    {
        Directory.CreateDirectory(_cache);
        File.WriteAllText(Files().FilePath!, content
            .Replace("FOLDER", JsonSerializer.Serialize(Path.GetFullPath("model")), StringComparison.Ordinal)
            .Replace("FILE", """{ "bytes": 7, "changed": 1, "sha256": "ab" }""", StringComparison.Ordinal));
    }

    private VerifiedFiles Files() => new(_cache, "model");
}
