using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Http;

namespace SjdOnnx.Server.Tests.Access;

public sealed class AccessTests
{
    private const string Key = "0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task With_keys_every_api_needs_one_and_the_page_and_the_health_checks_do_not()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options => options.ApiKeys.Add(Key));
        foreach (string path in (string[])["/v1/models", "/sdapi/v1/options", "/api/models", "/v1/anything"])
        {
            using HttpResponseMessage without = await server.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
            Assert.Equal("Bearer", without.Headers.WwwAuthenticate.ToString());
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await server.GenerateAsync(new { prompt = "a fox" })).StatusCode);
        foreach (string path in (string[])["/", "/page.js", "/health/live"])
            Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync(path)).StatusCode);

        (string Scheme, string Credentials, HttpStatusCode Status)[] headers =
        [
            ("Bearer", Key, HttpStatusCode.OK), ("bearer", Key, HttpStatusCode.OK),
            ("Basic", Base64($"anyone:{Key}"), HttpStatusCode.OK), ("Basic", Base64($"{Key}:"), HttpStatusCode.Unauthorized),
            ("Bearer", Key[..^1], HttpStatusCode.Unauthorized), ("Bearer", Key + "0", HttpStatusCode.Unauthorized),
            ("Bearer", "", HttpStatusCode.Unauthorized), ("Basic", "%%%", HttpStatusCode.Unauthorized),
            ("Digest", Key, HttpStatusCode.Unauthorized),
        ];
        foreach ((string scheme, string credentials, HttpStatusCode status) in headers)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.Authorization = new AuthenticationHeaderValue(scheme, credentials);
            Assert.Equal(status, (await server.Client.SendAsync(request)).StatusCode);
        }

        static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
    }

    [Theory]
    [InlineData("Host", "evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Host", "localhost.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Host", "localhost", HttpStatusCode.OK)]
    [InlineData("Host", "[::1]:1234", HttpStatusCode.OK)]
    [InlineData("Host", "studio.example", HttpStatusCode.OK)]
    [InlineData("Origin", "http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "null", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "https://app.example", HttpStatusCode.OK)]
    public async Task A_page_of_another_site_cannot_use_a_server_without_keys(string header, string value, HttpStatusCode status)
    {
        await using RunningServer server = await RunningServer.StartAsync(static options =>
        {
            options.AllowedHosts.Add("studio.example");
            options.CorsOrigins.Add("https://app.example");
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation(header, value);

        using HttpResponseMessage response = await server.Client.SendAsync(request);

        Assert.Equal(status, response.StatusCode);
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.True(response.Headers.CacheControl!.NoStore);
        Assert.Equal(
            header == "Origin" && status == HttpStatusCode.OK ? [value] : [],
            response.Headers.TryGetValues("Access-Control-Allow-Origin", out IEnumerable<string>? origins) ? origins : []);
    }

    [Fact]
    public void Without_keys_a_connection_from_elsewhere_is_refused()
    {
        var visitors = new Visitors(Options.Create(new SjdOnnxServerOptions()));

        Assert.Equal(403, Assert.Throws<RefusalException>(() => visitors.Check(Request("192.0.2.7"), isOpen: true)).Status);
        visitors.Check(Request("127.0.0.1"), isOpen: false);
        visitors.Check(Request("::1"), isOpen: false);

        static DefaultHttpContext Request(string local)
        {
            var context = new DefaultHttpContext();
            context.Connection.LocalIpAddress = IPAddress.Parse(local);
            context.Request.Host = new HostString("127.0.0.1", 8080);
            return context;
        }
    }

    [Fact]
    public async Task Browsers_are_told_nothing_about_other_origins_unless_they_are_allowed()
    {
        await using RunningServer server = await RunningServer.StartAsync(static options => options.CorsOrigins.Add("https://app.example"));

        Assert.Equal("https://app.example", await AllowedAsync("https://app.example"));
        Assert.Null(await AllowedAsync("https://other.example"));

        async Task<string?> AllowedAsync(string origin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, "/v1/images/generations");
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", "POST");
            request.Headers.Add("Access-Control-Request-Headers", "content-type,authorization");
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            return response.Headers.TryGetValues("Access-Control-Allow-Origin", out IEnumerable<string>? values) ? values.Single() : null;
        }
    }

    [Fact]
    public async Task The_page_has_security_headers_and_is_not_sent_twice()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        using HttpResponseMessage page = await server.Client.GetAsync("/");
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("DENY", page.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("no-referrer", page.Headers.GetValues("Referrer-Policy").Single());
        Assert.False(page.Headers.Contains("Server"));

        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.IfNoneMatch.Add(page.Headers.ETag!);
        Assert.Equal(HttpStatusCode.NotModified, (await server.Client.SendAsync(again)).StatusCode);
        await using RunningServer bare = await RunningServer.StartAsync(static options => options.ServePage = false);
        Assert.Equal(HttpStatusCode.NotFound, (await bare.Client.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await bare.Client.GetAsync("/v1/models")).StatusCode);
    }
}
