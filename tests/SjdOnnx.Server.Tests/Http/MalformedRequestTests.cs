using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace SjdOnnx.Server.Tests.Http;

/// <summary>
/// 500 requests that are wrong in some way: each has an answer, which is the client's fault and shows nothing of the server.
/// </summary>
public sealed class MalformedRequestTests : IAsyncLifetime
{
    private const int Requests = 500;
    private const string Valid = """{"prompt":"a fox","n":1,"size":"9x9","seed":7,"guidance_scale":3.5,"stream":false,"model":"emoji"}""";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly string[] Paths = ["/v1/images/generations", "/sdapi/v1/txt2img", "/api/images", "/sdapi/v1/options"];

    private static readonly string[] Names =
    [
        "prompt", "n", "size", "seed", "guidance_scale", "stream", "model", "negative_prompt", "method", "window", "temperature", "top_k",
        "top_p", "partial_images", "output_format", "output_compression", "response_format", "background", "user", "width", "height",
        "cfg_scale", "batch_size", "n_iter", "override_settings", "enable_hr", "sd_model_checkpoint", "quality",
    ];

    private static readonly string[] Values =
    [
        "-1", "0", "1e999", "-1e999", "1e308", "99999999999999999999999999", "-9223372036854775809", "18446744073709551616", "0.5", "-0.0",
        "true", "false", "[]", "{}", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "\"\"", "\"NaN\"", "\"\\u0000\"", "\"\\ud800\"", "\"-1\"",
        "\"../../etc/passwd\"", "\"/etc/passwd\"", "\"a\\nb\"", "\"\\u202e\"", "\"9999999999x9999999999\"", "\"0x0\"", "\"-5x5\"",
        "{\"sd_model_checkpoint\":{\"a\":1}}", "{\"sd_model_checkpoint\":\"C:\\\\\"}", "NaN", "Infinity", "'a'", "nul", "",
    ];

    private static readonly string[] MediaTypes =
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "image/png", "*/*"];

    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await (await RunningServer.StartAsync(
        static options => options.TimeLimit = TimeSpan.FromSeconds(30))).WhenReadyAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Every_malformed_request_is_answered_as_the_clients_fault()
    {
        var random = new Random(20261127);
        var seen = new Dictionary<int, int>();
        for (int i = 0; i < Requests; i++)
        {
            string path = Paths[random.Next(Paths.Length)];
            (byte[] body, string mediaType) = Malformed(random);
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);
            using var patience = new CancellationTokenSource(Patience);

            using HttpResponseMessage response = await _server.Client.PostAsync(path, content, patience.Token);

            int status = (int)response.StatusCode;
            seen[status] = seen.GetValueOrDefault(status) + 1;
            string answer = await response.Content.ReadAsStringAsync(patience.Token);
            string sent = $"{path}: {Encoding.UTF8.GetString(body)} → {status} {answer}";
            Assert.True(status is 200 or (>= 400 and < 500), sent);
            AssertShowsNothing(answer, sent);
        }

        Assert.True(seen.GetValueOrDefault(400) > Requests / 2, string.Join(", ", seen)); // the requests are as wrong as they should be
        Assert.True((await _server.Client.GetAsync("/health/ready")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task Connections_that_are_cut_or_slow_or_speak_no_HTTP_end_and_harm_nobody()
    {
        var random = new Random(7);
        Task<string>[] answers = [.. Enumerable.Range(0, 60).Select(i => SendAsync(i switch
        {
            < 20 => Head(length: 5000) + Valid[..random.Next(Valid.Length)], // then cut off
            < 30 => Head(length: -5) + Valid,
            < 40 => "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" +
                "Content-Type: application/json\r\n\r\nzz\r\n{}\r\n",
            < 50 => string.Concat(Enumerable.Range(0, 200).Select(_ => (char)random.Next(1, 127))) + "\r\n\r\n",
            _ => "GET /" + new string('a', 10_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        }, half: i < 20))];
        Task<string>[] slow = [.. Enumerable.Range(0, 3).Select(_ => SendAsync(Head(length: 5000) + "{", half: false))];

        Assert.All(await Task.WhenAll(answers), static answer => Assert.True(
            answer.Length == 0 || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), answer));
        Assert.All(await Task.WhenAll(slow), static answer => Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal));
        Assert.All(answers.Concat(slow), static answer => AssertShowsNothing(answer.Result, answer.Result));
        Assert.True((await _server.GenerateAsync(new { prompt = "a fox" })).IsSuccessStatusCode);

        static string Head(int length) =>
            "POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
            $"Content-Length: {length}\r\n\r\n";
    }

    /// <summary>A body with at least one mistake, unless a later change undoes it by chance.</summary>
    private static (byte[] Body, string MediaType) Malformed(Random random)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Valid);
        switch (random.Next(6))
        {
            case 0: // wrong values
                string fields = string.Join(',', Enumerable.Range(0, random.Next(1, 4)).Select(_ =>
                    $"\"{Names[random.Next(Names.Length)]}\":{Values[random.Next(Values.Length)]}"));
                return (Encoding.UTF8.GetBytes($"{{{fields}}}"), "application/json");
            case 1: // a wrong value among right ones
                var right = new Dictionary<string, string> { ["prompt"] = "\"a fox\"", ["n"] = "1", ["size"] = "\"9x9\"", ["seed"] = "7" };
                right[Names[random.Next(1, Names.Length)]] = Values[random.Next(Values.Length)];
                string joined = string.Join(',', right.Select(static field => $"\"{field.Key}\":{field.Value}"));
                return (Encoding.UTF8.GetBytes($"{{{joined}}}"), "application/json");
            case 2: // changed bytes
                for (int i = random.Next(1, 6); i > 0; i--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return (bytes, "application/json; charset=utf-8");
            case 3: // cut off
                return (bytes[..random.Next(bytes.Length)], "application/json");
            case 4: // something else
                var noise = new byte[random.Next(2000)];
                random.NextBytes(noise);
                return (noise, "application/json");
            default: // a media type that a page of another site could send
                return (bytes, MediaTypes[random.Next(MediaTypes.Length - 1)]);
        }
    }

    private static void AssertShowsNothing(string answer, string sent)
    {
        foreach (string trace in (string[])["   at ", "Exception", RunningServer.ModelFolder, AppContext.BaseDirectory, ".cs:line"])
            Assert.False(answer.Contains(trace, StringComparison.Ordinal), $"'{trace}' is in the answer to {sent}");
        if (answer.StartsWith('{'))
            JsonDocument.Parse(answer).Dispose();
    }

    /// <summary>Sends bytes and returns the whole answer.</summary>
    private async Task<string> SendAsync(string text, bool half)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var client = new TcpClient();
        await client.ConnectAsync(_server.Address.Host, _server.Address.Port, patience.Token);
        NetworkStream stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(text), patience.Token);
            if (half)
                client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return await reader.ReadToEndAsync(patience.Token);
        }
        catch (IOException)
        {
            return ""; // the server has closed the connection
        }
    }
}
