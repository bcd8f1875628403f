using System.Globalization;
using SjdOnnx.Decoding;
using SjdOnnx.Methods;
using SjdOnnx.Tests.Methods;

namespace SjdOnnx.Tests.Decoding;

public sealed class MethodOptionTests
{
    // The method from outside the library is held to the same rules.
    private static readonly DecodingMethods All = DecodingMethods.BuiltIn.Add(LimitedAcceptance.Descriptor);

    /// <summary>For every option: the text of its two ends, and texts beyond them or of another kind.</summary>
    private static readonly (string Method, string Option, string[] Legal, string[] Illegal)[] Ranges =
    [
        ("early-exit", "iterations", ["1", "1024"], ["0", "1025", "-1", "1.5", "many", ""]),
        ("gsd", "group-size", ["0", "1024"], ["-1", "1025", "2.5", "1,000", "NaN", ""]),
        ("gsd", "group-tolerance", ["0", "1"], ["-0.001", "1.001", "NaN", "Infinity", "0,5", ""]),
        ("outside", "max-accepted", ["0", "1024"], ["-1", "1025", "x", ""]),
        ("pac", "branching", ["1", "32", "13x3x25"], ["0", "33", "4x8x31", "3x", "x3", "3 x 3", "-1", ""]),
        ("sjd++", "reuse-threshold", ["0", "3.4028235E+38"], ["-0.1", "0,1", "1,000", "NaN", "Infinity", "-Infinity", "1e400", ""]),
        ("sjd2", "denoising-steps", ["1", "1024"], ["0", "1025", "the model's", ""]),
        ("sjd2-published", "denoising-steps", ["1", "1024"], ["0", "1025", "the model's", ""]),
        ("sjd2-published", "keep-ratio", ["0", "3.4028235E+38"], ["-0.1", "0,5", "NaN", "Infinity", "1e400", ""]),
    ];

    public static TheoryData<string, string> Options()
    {
        var cells = new TheoryData<string, string>();
        foreach (MethodDescriptor method in All.All)
        {
            foreach (MethodOption option in method.Options)
                cells.Add(method.Name, option.Name);
        }

        return cells;
    }

    [Fact]
    public void Every_option_is_in_the_table_of_ranges() =>
        Assert.Equal(Ranges.Select(row => new object[] { row.Method, row.Option }), Options());

    [Theory]
    [MemberData(nameof(Options))]
    public void The_default_text_is_the_value_of_the_default_method(string method, string name)
    {
        (IDecodingMethod created, MethodOption option) = Find(method, name);

        if (option.ValueIn(created) is { } value)
        {
            Assert.Equal(value, option.ValueIn(option.Apply(created, option.DefaultText)));
            Assert.Equal(created, option.Apply(created, option.DefaultText));
        }
        else
        {
            Assert.Equal("the model's", option.DefaultText);
        }
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void Both_ends_of_an_options_range_are_accepted(string method, string name)
    {
        (IDecodingMethod created, MethodOption option) = Find(method, name);

        Assert.All(Row(method, name).Legal, text =>
        {
            IDecodingMethod changed = option.Apply(created, text);
            Assert.Same(created.Descriptor, changed.Descriptor);
            Assert.Equal(text, string.Create(CultureInfo.InvariantCulture, $"{option.ValueIn(changed)}"));
            Assert.NotEqual(created, changed);
        });
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void A_value_beyond_an_options_range_is_refused_with_a_sentence(string method, string name)
    {
        (IDecodingMethod created, MethodOption option) = Find(method, name);

        Assert.All(Row(method, name).Illegal, text =>
        {
            var error = Assert.Throws<FormatException>(() => option.Apply(created, text));
            Assert.Equal($"{name} is '{text}'; it must be {option.Range} (default {option.DefaultText}).", error.Message);
        });
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void An_option_has_the_names_that_users_type_and_a_description(string method, string name)
    {
        MethodOption option = Find(method, name).Option;

        Assert.Matches("^[a-z]+(-[a-z]+)*$", option.Name);
        Assert.Matches("^[a-z]+([A-Z][a-z]+)*$", option.JsonName);
        Assert.Equal(option.Name.Replace("-", "", StringComparison.Ordinal), option.JsonName.ToLowerInvariant());
        Assert.InRange(option.Description.Length, 10, 100);
    }

    [Theory]
    [InlineData("gsd", "group-size", "groupSize", "0 to 1024", "14")]
    [InlineData("gsd", "group-tolerance", "groupTolerance", "0 to 1", "0.15")]
    [InlineData("sjd++", "reuse-threshold", "reuseThreshold", "a finite number, 0 or more", "0.1")]
    [InlineData("early-exit", "iterations", "iterations", "1 to 1024", "8")]
    [InlineData("sjd2", "denoising-steps", "denoisingSteps", "1 to 1024", "the model's")]
    [InlineData(
        "pac", "branching", "branching", "numbers from 1 to 32 joined by x, with at most 1024 codes beside the drafts", "4")]
    public void An_option_describes_itself_to_users(string method, string name, string jsonName, string range, string defaultText)
    {
        MethodOption option = Find(method, name).Option;

        Assert.Equal((jsonName, range, defaultText), (option.JsonName, option.Range, option.DefaultText));
    }

    [Fact]
    public void A_property_refuses_what_its_option_refuses()
    {
        (string Sentence, Func<IDecodingMethod> Create)[] wrong =
        [
            ("group-size must be 0 to 1024; the default is 14.", () => new GroupedAcceptance { GroupSize = -1 }),
            ("group-size must be 0 to 1024; the default is 14.", () => new GroupedAcceptance { GroupSize = 1025 }),
            ("group-tolerance must be 0 to 1; the default is 0.15.", () => new GroupedAcceptance { GroupTolerance = 1.1f }),
            ("group-tolerance must be 0 to 1; the default is 0.15.", () => new GroupedAcceptance { GroupTolerance = float.NaN }),
            ("iterations must be 1 to 1024; the default is 8.", () => new EarlyExit { Iterations = 0 }),
            ("iterations must be 1 to 1024; the default is 8.", () => new EarlyExit { Iterations = 1025 }),
            ("denoising-steps must be 1 to 1024; the default is the model's.", () => new SpeculativeDenoising { DenoisingSteps = 0 }),
            ("denoising-steps must be 1 to 1024; the default is the model's.", () => new SpeculativeDenoising().WithSteps(1025)),
            ("keep-ratio must be a finite number, 0 or more; the default is 0.5.", () => new PublishedDenoising { KeepRatio = -1 }),
            ("denoising-steps must be 1 to 1024; the default is the model's.", () => new PublishedDenoising { DenoisingSteps = 0 }),
            ("max-accepted must be 0 to 1024; the default is 1.", () => new LimitedAcceptance { MaxAccepted = -1 }),
        ];

        Assert.All(wrong, option => Assert.Contains(
            option.Sentence, Assert.Throws<ArgumentOutOfRangeException>(option.Create).Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_reuse_threshold_is_finite_and_not_negative(float threshold)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new ConfidenceReuse { ReuseThreshold = threshold });

        Assert.Contains("reuse-threshold must be a finite number, 0 or more; the default is 0.1.", error.Message, StringComparison.Ordinal);
        Assert.Equal(threshold, error.ActualValue);
    }

    [Fact]
    public void Options_of_one_method_are_set_independently()
    {
        IDecodingMethod method = GroupedAcceptance.Descriptor.Default;
        foreach ((MethodOption option, string text) in GroupedAcceptance.Descriptor.Options.Zip(["6", "0.5"]))
            method = option.Apply(method, text);

        Assert.Equal(new GroupedAcceptance { GroupSize = 6, GroupTolerance = 0.5f }, method);
        Assert.NotEqual(GroupedAcceptance.Descriptor.Default, method);
    }

    private static (IDecodingMethod Method, MethodOption Option) Find(string method, string name) =>
        (All[method].Default, All[method].Options.Single(option => option.Name == name));

    private static (string Method, string Option, string[] Legal, string[] Illegal) Row(string method, string name) =>
        Ranges.Single(row => row.Method == method && row.Option == name);
}
