using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Runtime.Images;
using SjdOnnx.Runtime.Tests.Images;

namespace SjdOnnx.Runtime.Tests;

/// <summary>A decoding method of an application: ExampleMethod.cs is the only file that knows it.</summary>
[Collection(UsesLoadedModel.Name)]
public class ExampleMethodTests(LoadedTestModel loaded)
{
    private static readonly DecodingMethods Methods = DecodingMethods.BuiltIn.Add(LenientAcceptance.Descriptor);
    private static readonly GenerationRequest Fox = new() { Prompt = "a fox above a rocket", Seed = 7 };

    [Fact]
    public void A_method_from_outside_is_registered_with_its_option()
    {
        MethodDescriptor method = Methods["lenient"];
        Assert.Contains("lenient", Methods.Names);
        Assert.DoesNotContain("lenient", DecodingMethods.BuiltIn.Names);
        MethodOption option = Assert.Single(method.Options);
        Assert.Equal(("leniency", "1 to 100", "2"), (option.Name, option.Range, option.DefaultText));
        Assert.Equal(new LenientAcceptance { Leniency = 3.5f }, option.Apply(method.Default, "3.5"));
        Assert.Throws<FormatException>(() => option.Apply(method.Default, "0.5"));
    }

    [ModelFact]
    public async Task A_method_from_outside_draws_and_its_option_is_in_the_image_file()
    {
        MethodDescriptor method = Methods["lenient"];
        IDecodingMethod lenient = method.Options[0].Apply(method.Default, "8");

        GeneratedImage image = await loaded.Model.GenerateAsync(Fox, new GenerationOptions { Method = lenient, Window = 16 });

        ImageFileInfo file = TestImages.Read(image.Encode());
        DrawnRequest request = GenerationData.FromJson(file.GenerationJson!).Request;
        Assert.Equal(("lenient", false, """{"leniency":8}"""), (request.Method, request.Exact, request.MethodOptions!.ToJsonString()));
        Assert.Contains("Method: lenient (lossy), Window: 16, ", file.Parameters, StringComparison.Ordinal);
        Assert.Contains(", Leniency: 8, ", file.Parameters, StringComparison.Ordinal);
    }

    [ModelFact]
    public async Task Leniency_1_draws_the_image_of_sjd_and_more_leniency_needs_fewer_passes()
    {
        GeneratedImage sjd = await DrawAsync(new SpeculativeJacobi());
        GeneratedImage strict = await DrawAsync(new LenientAcceptance { Leniency = 1 });
        GeneratedImage lenient = await DrawAsync(new LenientAcceptance { Leniency = 50 });

        Assert.Equal(sjd.TokenIds, strict.TokenIds);
        Assert.NotEqual(sjd.TokenIds, lenient.TokenIds);
        Assert.InRange(lenient.ForwardPasses, 1, sjd.ForwardPasses - 1);

        Task<GeneratedImage> DrawAsync(IDecodingMethod method) =>
            loaded.Model.GenerateAsync(Fox, new GenerationOptions { Method = method, Window = 16 });
    }
}
