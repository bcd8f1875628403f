namespace SjdOnnx.Runtime.Tests;

internal static class Messages
{
    /// <summary>The message is a sentence or two on one line, without a stack trace or names of types.</summary>
    public static void AssertReadable(Exception error)
    {
        Assert.DoesNotContain("\n", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", error.Message, StringComparison.Ordinal);
        Assert.Matches("[.)]$", error.Message);
        Assert.InRange(error.Message.Length, 20, 500);
    }
}
