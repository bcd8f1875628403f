using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Drawing;
using SjdOnnx.Server.Models;
using SjdOnnx.Server.WebUI;

namespace SjdOnnx.Server.Tests.WebUI;

public sealed class CurrentJobTests
{
    [Fact]
    public void A_request_that_begins_and_ends_meanwhile_does_not_hide_the_one_under_way()
    {
        var current = new CurrentJob();
        Assert.Null(current.First);
        CurrentJob.Job first = Begin();
        CurrentJob.Job second = Begin();

        Assert.Same(first, current.First);
        CurrentJob.Job third = Begin();
        current.End(third);
        Assert.Same(first, current.First);
        current.End(first);
        Assert.Same(second, current.First);
        current.End(second);
        Assert.Null(current.First);

        CurrentJob.Job Begin() => current.Begin(
            new DrawingRequest
            {
                Model = PooledModel.Read("emoji", new SjdOnnxOptions { Model = RunningServer.ModelFolder }),
                First = new GenerationRequest { Prompt = "a fox" },
                Options = new GenerationOptions(),
            },
            static () => { });
    }
}
