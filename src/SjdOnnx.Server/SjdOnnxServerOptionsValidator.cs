using Microsoft.Extensions.Options;
using SjdOnnx.Extensions.Hosting;
using SjdOnnx.Runtime;
using SjdOnnx.Server.Models;

namespace SjdOnnx.Server;

/// <summary>Checks the options when the host starts: each failure is a sentence.</summary>
internal sealed class SjdOnnxServerOptionsValidator : IValidateOptions<SjdOnnxServerOptions>
{
    public ValidateOptionsResult Validate(string? name, SjdOnnxServerOptions options)
    {
        List<string> failures = [.. Limits(options), .. Access(options), .. Models(options)];
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static IEnumerable<string> Limits(SjdOnnxServerOptions options)
    {
        (string Name, long Value)[] counts =
        [
            (nameof(options.MaxPendingImages), options.MaxPendingImages),
            (nameof(options.MaxImagesPerRequest), options.MaxImagesPerRequest),
            (nameof(options.MaxPromptLength), options.MaxPromptLength),
            (nameof(options.MaxBodyBytes), options.MaxBodyBytes),
            (nameof(options.MaxMemoryBytes), options.MaxMemoryBytes ?? 1),
        ];
        foreach ((string name, long value) in counts.Where(count => count.Value < 1))
            yield return $"{name} is {value}; it must be 1 or more.";
        (string Name, TimeSpan Value)[] times =
            [(nameof(options.TimeLimit), options.TimeLimit), (nameof(options.KeepAlive), options.KeepAlive)];
        foreach ((string name, TimeSpan value) in times.Where(time => time.Value <= TimeSpan.Zero || time.Value > TimeSpan.FromDays(1)))
            yield return $"{name} is {value}; it must be above 0 and at most a day.";
        if (options.ShutdownGrace < TimeSpan.Zero || options.ShutdownGrace > TimeSpan.FromDays(1))
            yield return $"{nameof(options.ShutdownGrace)} is {options.ShutdownGrace}; it must be from 0 to a day.";
    }

    private static IEnumerable<string> Access(SjdOnnxServerOptions options)
    {
        if (options.ApiKeys.Any(static key => key.Length < SjdOnnxServerOptions.MinKeyLength || key.Any(char.IsWhiteSpace)))
        {
            yield return $"An API key is too short or has spaces; each must have at least {SjdOnnxServerOptions.MinKeyLength} characters " +
                "and no space.";
        }

        foreach (string origin in options.CorsOrigins.Where(static origin => !IsOrigin(origin)))
            yield return $"The CORS origin is '{origin}'; it must be a scheme, a host and perhaps a port, such as https://app.example.";
    }

    private static bool IsOrigin(string origin) => Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
        && uri.Scheme is "http" or "https"
        && uri.GetLeftPart(UriPartial.Authority).Equals(origin, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> Models(SjdOnnxServerOptions options)
    {
        if (options.Models.Count == 0)
        {
            yield return "There is no model; Models must hold at least one name with its folder.";
            yield break;
        }

        if (options.DefaultModel is string chosen && !options.Models.ContainsKey(chosen))
            yield return $"DefaultModel is '{chosen}'; it must be one of {string.Join(", ", options.Models.Keys)}.";
        foreach ((string name, SjdOnnxOptions model) in options.Models)
        {
            if (name.Length is 0 or > 100 || name.Any(static c => char.IsControl(c) || c is '/' or '\\'))
                yield return $"A model is called '{name}'; a name must have 1 to 100 characters and no slash.";
            string? failure;
            try
            {
                long bytes = PooledModel.Read(name, model).Bytes;
                failure = bytes <= options.MemoryBudget ? null
                    : $"The model {name} needs about {bytes >> 20} MiB; MaxMemoryBytes allows {options.MemoryBudget >> 20} MiB.";
            }
            catch (Exception error) when (error is ArgumentException or FormatException or SjdOnnxException)
            {
                failure = error.Message;
            }

            if (failure is not null)
                yield return failure;
        }
    }
}
