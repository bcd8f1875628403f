using System.Text;
using SjdOnnx.Runtime.Images;

namespace SjdOnnx.Runtime.Tests.Images;

public class XmpTests
{
    private const string Json = """{"prompt":"<a> & \"b\" ]]> 🦊"}""";

    [Fact]
    public void JSON_that_was_written_is_read() => Assert.Equal(Json, Xmp.ReadJson(Xmp.Write(Json)));

    [Fact]
    public void A_property_that_another_program_turned_into_an_attribute_is_read() =>
        Assert.Equal("{}", Xmp.ReadJson("<r:D xmlns:r='r' xmlns:o='urn:sjdonnx:1.0/' o:generation='{}'/>"u8.ToArray()));

    [Theory]
    [InlineData("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")]
    [InlineData("no XML at all")]
    [InlineData("<x xmlns:o='urn:sjdonnx:1.0/'/>")]
    public void A_packet_of_another_program_has_no_JSON_of_ours(string packet) => Assert.Null(Xmp.ReadJson(Encoding.UTF8.GetBytes(packet)));

    [Theory]
    [InlineData("<x xmlns:o='urn:sjdonnx:1.0/'>")]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><o:generation xmlns:o='urn:sjdonnx:1.0/'>&a;</o:generation>")]
    [InlineData("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><o:generation xmlns:o='urn:sjdonnx:1.0/'/>")]
    [InlineData("<o:generation xmlns:o='urn:sjdonnx:1.0/'><b/></o:generation>")]
    public void A_packet_of_ours_that_is_damaged_or_declares_entities_is_refused(string packet) =>
        TestImages.AssertRefused(() => Xmp.ReadJson(Encoding.UTF8.GetBytes(packet)), "XMP data are damaged");
}
