using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SjdOnnx.Decoding;

namespace SjdOnnx.Runtime;

// Public, because an application that generates its own serializers (JsonSerializerContext) creates them.

/// <summary>Reads and writes a value as its text.</summary>
public sealed class TextJson<T> : JsonConverter<T> where T : IParsable<T>
{
    /// <inheritdoc/>
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return T.Parse(reader.GetString() ?? "", provider: null);
        }
        catch (FormatException error)
        {
            throw new JsonException(error.Message, error);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}

/// <summary>Reads and writes a provider as its name.</summary>
public sealed class ExecutionProviderJson : JsonConverter<ExecutionProvider>
{
    /// <inheritdoc/>
    public override ExecutionProvider Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ExecutionProviders.TryParse(reader.GetString(), out ExecutionProvider provider)
            ? provider
            : throw new JsonException($"A provider is one of {string.Join(", ", ExecutionProviders.Names)}.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ExecutionProvider value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Name());
}

/// <summary>Writes a method's descriptor as its name.</summary>
public sealed class MethodDescriptorJson : JsonConverter<MethodDescriptor>
{
    /// <inheritdoc/>
    public override MethodDescriptor Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Methods are written to JSON and not read from it.");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, MethodDescriptor value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Name);
}

/// <summary>Writes a method as an object: its name, then its options by <see cref="MethodOption.JsonName"/>.</summary>
public sealed class DecodingMethodJson : JsonConverter<IDecodingMethod>
{
    /// <inheritdoc/>
    public override IDecodingMethod Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Methods are written to JSON and not read from it.");

    /// <summary>An option's value: numbers as numbers, everything else as culture-invariant text.</summary>
    internal static JsonNode? Node(object? value) => value switch
    {
        null => null,
        int number => number,
        long number => number,
        float number => number,
        double number => number,
        bool flag => flag,
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IDecodingMethod value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString("name", value.Descriptor.Name);
        foreach (MethodOption option in value.Descriptor.Options)
        {
            writer.WritePropertyName(option.JsonName);
            if (Node(option.ValueIn(value)) is { } node)
                node.WriteTo(writer);
            else
                writer.WriteNullValue();
        }

        writer.WriteEndObject();
    }
}
