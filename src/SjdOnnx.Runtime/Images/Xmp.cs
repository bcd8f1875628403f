using System.Security;
using System.Text;
using System.Xml;

namespace SjdOnnx.Runtime.Images;

/// <summary>
/// Writes and reads an XMP packet with one property, the generation data as JSON. JPEG and WebP files store the data there.
/// </summary>
internal static class Xmp
{
    private const string Namespace = "urn:sjdonnx:1.0/";
    private const string Property = "generation";

    /// <param name="json">From <see cref="GenerationData.ToJson"/>. It has only characters that XML can hold.</param>
    public static byte[] Write(string json) => Encoding.UTF8.GetBytes(
        "<?xpacket begin=\"\uFEFF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>" +
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">" +
        $"<rdf:Description rdf:about=\"\" xmlns:sjdonnx=\"{Namespace}\">" +
        $"<sjdonnx:{Property}>{SecurityElement.Escape(json)}</sjdonnx:{Property}>" +
        "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>");

    /// <returns>The JSON; null if another program wrote the packet.</returns>
    /// <exception cref="ImageFormatException">The packet has our property, but it is not XML.</exception>
    public static string? ReadJson(byte[] packet)
    {
        if (packet.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Namespace)) < 0)
            return null;

        try
        {
            // A document type is prohibited: it could name other files, or entities that expand to gigabytes.
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null };
            using var reader = XmlReader.Create(new MemoryStream(packet), settings);
            while (reader.Read())
            {
                // Some programs that edit XMP write short properties as attributes.
                if (reader.NodeType == XmlNodeType.Element && reader.GetAttribute(Property, Namespace) is string attribute)
                    return attribute;
                if (reader.NodeType == XmlNodeType.Element && reader.LocalName == Property && reader.NamespaceURI == Namespace)
                    return reader.ReadElementContentAsString();
            }

            return null;
        }
        catch (XmlException error)
        {
            throw new ImageFormatException("Its XMP data are damaged: they are no XML.", error);
        }
    }
}
