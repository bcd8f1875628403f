using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SjdOnnx.Cli.Terminal;
using SjdOnnx.Runtime;
using SjdOnnx.Server;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Cli.Serve;

/// <summary>What <c>sjd serve</c> does: start the server, say where it listens, and stop it when a signal comes.</summary>
internal static class ServeRun
{
    /// <returns>The exit code.</returns>
    /// <exception cref="CommandException">The server cannot start.</exception>
    /// <exception cref="SjdOnnxException">The default model cannot be loaded.</exception>
    public static async Task<int> RunAsync(ServeOptions options, CancellationToken stop)
    {
        foreach (ServedModel model in options.Models)
        {
            if (LicenseNotice.Take(ModelDescription.Read(model.Folder, options.Loading.Precision), cacheFolder: "") is string notice)
                Print.Note(notice);
        }

        await using WebApplication server = Build(options);
        await StartAsync(server, options);
        ICollection<string> addresses = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        foreach (string address in addresses)
            Print.Data(address);

        CancellationToken stopping = server.Lifetime.ApplicationStopping;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, stopping);
        await Task.Delay(Timeout.Infinite, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (stop.IsCancellationRequested)
            Print.Note("Stopping: requests under way are finished first. A second signal ends the server at once.");
        await server.StopAsync(CancellationToken.None);
        if (server.Services.GetRequiredService<DefaultModelLoader>().Failure is { } failure)
            ExceptionDispatchInfo.Throw(failure);
        return ExitCode.Done;
    }

    private static WebApplication Build(ServeOptions options)
    {
        try
        {
            return ServeHost.Build(options);
        }
        catch (OptionsValidationException error)
        {
            string sentences = string.Join(' ', error.Failures);
            throw new CommandException(ExitCode.Usage,
                sentences.Replace(nameof(SjdOnnxServerOptions.MaxMemoryBytes), "--memory", StringComparison.Ordinal), error);
        }
    }

    private static async Task StartAsync(WebApplication server, ServeOptions options)
    {
        string urls = string.Join(';', options.Addresses.Select(static address => address.Url));
        try
        {
            await server.StartAsync(CancellationToken.None);
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            throw new CommandException(ExitCode.Usage,
                $"--urls is {urls}, where this program cannot listen: {error.Message.TrimEnd('.')}. Give another port or address.", error);
        }
    }
}
