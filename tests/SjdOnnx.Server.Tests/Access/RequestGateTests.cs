using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Access;
using SjdOnnx.Server.Http;

namespace SjdOnnx.Server.Tests.Access;

[Collection(nameof(DefaultServer))]
public sealed class RequestGateTests(DefaultServer fixture)
{
    [Fact]
    public void The_log_has_no_reason_that_may_quote_a_prompt()
    {
        var gate = fixture.Server.Services.GetRequiredService<RequestGate>();

        RefusalException refusal = gate.Of(new RequestException("The prompt is 'a red fox'."), new DefaultHttpContext());

        Assert.Equal((400, "The prompt is 'a red fox'."), (refusal.Status, refusal.Message));
        Assert.DoesNotContain("fox", refusal.LoggedReason, StringComparison.Ordinal);
    }
}
