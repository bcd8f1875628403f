using SjdOnnx.Decoding;
using SjdOnnx.Methods;

namespace SjdOnnx.Tests.Methods;

public sealed class DecodingMethodsTests
{
    public static TheoryData<string> Names() => [.. DecodingMethods.BuiltIn.Names];

    [Fact]
    public void The_built_in_methods_are_listed_in_alphabetical_order()
    {
        string[] names = ["ar", "early-exit", "exact", "gsd", "gumbel", "jacobi", "mc", "pac", "sjd", "sjd++", "sjd2", "sjd2-published"];

        Assert.Equal(names, DecodingMethods.BuiltIn.Names);
        Assert.Equal(names, DecodingMethods.BuiltIn.All.Select(method => method.Name));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_method_has_the_descriptor_it_is_registered_with(string name)
    {
        MethodDescriptor descriptor = DecodingMethods.BuiltIn[name];

        Assert.Equal(name, descriptor.Name);
        Assert.Equal(name, descriptor.ToString());
        Assert.Same(descriptor, descriptor.Default.Descriptor);
        Assert.InRange(descriptor.Summary.Length, 10, 100);
    }

    [Fact]
    public void Descriptors_tell_what_methods_guarantee_and_need()
    {
        IReadOnlyList<MethodDescriptor> all = DecodingMethods.BuiltIn.All;

        Assert.Equal(["early-exit", "gsd", "sjd++", "sjd2-published"], all.Where(method => !method.IsExact).Select(method => method.Name));
        Assert.Equal(["ar", "exact"], all.Where(method => method.IsSeedExact).Select(method => method.Name));
        Assert.Equal(["sjd2", "sjd2-published"], all.Where(method => method.ReadsNoise).Select(method => method.Name));
        Assert.Equal(["pac", "sjd2-published"], all.Where(method => method.NeedsTree).Select(method => method.Name));
        Assert.Equal(["sjd2-published"], all.Where(method => method.HasTimesteps).Select(method => method.Name));
        Assert.Equal(["ar"], all.Where(method => !method.HasDrafts).Select(method => method.Name));
    }

    [Fact]
    public void Methods_with_the_same_options_are_equal()
    {
        Assert.Equal(new ProactiveDrafting { Branching = new Branching(3, 3) }, new ProactiveDrafting { Branching = new Branching(3, 3) });
        Assert.NotEqual(new EarlyExit { Iterations = 3 }, new EarlyExit { Iterations = 4 });
        Assert.Equal(new SpeculativeJacobi(), SpeculativeJacobi.Descriptor.Default);
        Assert.Equal(new SpeculativeDenoising { DenoisingSteps = 3 }, new SpeculativeDenoising().WithSteps(3));
    }

    [Theory]
    [InlineData("SJD")]
    [InlineData("")]
    [InlineData("outside")]
    public void An_unknown_method_is_answered_with_the_known_ones(string name)
    {
        var error = Assert.Throws<ArgumentException>(() => DecodingMethods.BuiltIn[name]);

        Assert.Contains(
            $"'{name}'; choose one of ar, early-exit, exact, gsd, gumbel, jacobi, mc, pac, sjd, sjd++, sjd2, sjd2-published.",
            error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_method_from_outside_the_library_can_be_added()
    {
        DecodingMethods methods = DecodingMethods.BuiltIn.Add(LimitedAcceptance.Descriptor);

        Assert.Same(LimitedAcceptance.Descriptor, methods["outside"]);
        Assert.Equal(DecodingMethods.BuiltIn.Names.Append("outside").Order(StringComparer.Ordinal), methods.Names);
        Assert.Equal(new LimitedAcceptance { MaxAccepted = 3 }, methods["outside"].Options[0].Apply(methods["outside"].Default, "3"));
        Assert.DoesNotContain("outside", DecodingMethods.BuiltIn.Names); // the registry that it was added to stays as it was
    }

    [Fact]
    public void Two_methods_of_the_same_name_are_refused()
    {
        var again = Assert.Throws<ArgumentException>(() => DecodingMethods.BuiltIn.Add(SpeculativeJacobi.Descriptor));
        Assert.Contains("two decoding methods called 'sjd'; give one another name.", again.Message, StringComparison.Ordinal);

        var twice = Assert.Throws<ArgumentException>(() => new DecodingMethods(LimitedAcceptance.Descriptor, LimitedAcceptance.Descriptor));
        Assert.Contains("two decoding methods called 'outside'", twice.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_registry_needs_no_built_in_method()
    {
        var methods = new DecodingMethods(LimitedAcceptance.Descriptor);

        Assert.Equal(["outside"], methods.Names);
        Assert.Contains("choose one of outside.", Assert.Throws<ArgumentException>(() => methods["sjd"]).Message, StringComparison.Ordinal);
    }
}
