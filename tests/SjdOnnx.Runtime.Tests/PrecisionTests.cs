using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime.Tests;

public class PrecisionTests
{
    [Theory]
    [InlineData("fp32")]
    [InlineData("int8")]
    [InlineData("int4-g32")]
    public void A_precision_is_read_from_the_name_that_it_is_printed_as(string name)
    {
        Assert.Equal(name, Precision.Parse(name).ToString());
        Assert.Equal(name, Precision.Parse(name).Name);
        Assert.True(Precision.TryParse(name, out Precision precision));
        Assert.Equal(Precision.Parse(name), precision);
    }

    [Fact]
    public void The_known_precisions_have_the_names_of_model_json()
    {
        Precision[] known = [Precision.Fp32, Precision.Fp16, Precision.Bf16, Precision.Int8, Precision.Int4];
        Assert.Equal(["fp32", "fp16", "bf16", "int8", "int4"], known.Select(precision => precision.Name));
        Assert.Equal(known, known.Select(precision => Precision.Parse(precision.Name)));
        Assert.Equal(Precision.Fp32, default(Precision));
    }

    [Theory]
    [InlineData("FP32")]
    [InlineData("fp 32")]
    [InlineData("../fp32")]
    [InlineData("")]
    [InlineData(null)]
    public void A_name_that_is_not_of_lower_case_letters_and_digits_is_refused(string? name)
    {
        Assert.False(Precision.TryParse(name, out _));
        var error = Assert.Throws<FormatException>(() => Precision.Parse(name!));
        Messages.AssertReadable(error);
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [ModelFact]
    public void The_description_lists_the_precisions_of_the_model_and_the_one_that_was_asked_for()
    {
        ModelDescription model = ModelDescription.Read(TestModel.Folder!, Precision.Fp32);
        Assert.Equal(Precision.Fp32, model.Precision);
        Assert.Contains(Precision.Fp32, model.Precisions);
        Assert.Equal(model.DefaultInitialization, Initialization.Parse(model.DefaultInitialization.ToString()));
    }
}
