using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace SjdOnnx.Runtime.Tests;

[Collection(Alone)]
public class NativeLibrariesTests
{
    /// <summary>One <c>ai.onnx.contrib:StringUpper</c> node, in protobuf (ModelProto, IR version 8): no file and no exporter needed.</summary>
    private static readonly byte[] UpperCaseModel = Convert.FromBase64String("CAgSADpZCisKBHRleHQSBXVwcGVyIgtTdHJpbmdVcHBlcjoPYWkub25ueC5jb250cmliEgFnWhIKBHRleHQSCgoICAgSBAoCCAFiEwoFdXBwZXISCgoICAgSBAoCCAFCBAoAEBFCEwoPYWkub25ueC5jb250cmliEAE=");

    private const string Alone = "opens a session of its own, past the lock that guards the extensions library";

    /// <summary>Classes of this collection run when no other does.</summary>
    [CollectionDefinition(Alone, DisableParallelization = true)]
    public class RunsAlone;

    [Fact]
    public void The_extensions_library_registers_its_operators()
    {
        using var options = new SessionOptions();
        options.RegisterCustomOpLibrary(NativeLibraries.ExtensionsPath);
        using var session = new InferenceSession(UpperCaseModel, options);

        var text = new DenseTensor<string>(new[] { "a fox" }, [1]);
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("text", text)]);

        Assert.Equal(["A FOX"], results.Single().AsTensor<string>());
    }

    [Fact]
    public void A_missing_library_is_named_with_what_to_install()
    {
        var error = Assert.Throws<DllNotFoundException>(() => NativeLibraries.Find("libnothing.so", [AppContext.BaseDirectory]));

        Assert.Contains("libnothing.so", error.Message, StringComparison.Ordinal);
        Assert.Contains("Microsoft.ML.OnnxRuntime.Extensions", error.Message, StringComparison.Ordinal);
    }
}
