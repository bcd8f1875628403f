using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace SjdOnnx.Benchmarks.Serving;

/// <summary>
/// Starts <c>sjd serve</c> with the built-in model and measures it under load: how its memory develops while clients draw without a pause,
/// and whether they draw as many images per second as <c>sjd generate --batch 8</c>.
/// </summary>
internal sealed class ServerLoad : IDisposable
{
    private const int Clients = 8;

    // A ninth client finds a place only while one of the eight has none.
    private const int MaxPending = Clients;
    private const string Prompt = "a fox above a rocket on a blue background";

    private readonly string _program;
    private readonly Process _server;
    private readonly HttpClient _http;
    private ulong _seed;

    private ServerLoad(string program, Process server, Uri address)
    {
        (_program, _server) = (program, server);
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 })
        {
            BaseAddress = address,
            Timeout = TimeSpan.FromMinutes(10),
        };
    }

    /// <param name="program">The built or published sjd.</param>
    public static async Task<ServerLoad> StartAsync(string program)
    {
        string[] arguments = ["serve", "--urls", "http://127.0.0.1:0", "--max-pending", $"{MaxPending}"];
        Process server = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string address = await server.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(
            $"The server did not start: {await server.StandardError.ReadToEndAsync()}");
        _ = server.StandardError.ReadToEndAsync(); // so that the server never waits for a reader of its log
        var load = new ServerLoad(program, server, new Uri(address));
        while (!(await load._http.GetAsync("/health/ready")).IsSuccessStatusCode)
            await Task.Delay(100);
        return load;
    }

    /// <summary>
    /// Lets eight clients draw, each its next image when it has the last one, or after the time that the server asks it to wait. A ninth,
    /// for which there is mostly no place, comes every two seconds. Prints what was answered, and the server's memory after each tenth of
    /// the time.
    /// </summary>
    public async Task SoakAsync(TimeSpan time)
    {
        var statuses = new ConcurrentDictionary<string, int>();
        long start = Stopwatch.GetTimestamp();
        Task[] clients = [.. Enumerable.Range(0, Clients).Select(client => Task.Run(() => ClientAsync(client))), Task.Run(NinthAsync)];
        Console.WriteLine("| minute | resident memory, MiB | images so far |");
        Console.WriteLine("|---|---|---|");
        for (int part = 1; part <= 10; part++)
        {
            TimeSpan wait = time * part / 10 - Stopwatch.GetElapsedTime(start);
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
            _server.Refresh();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {Stopwatch.GetElapsedTime(start).TotalMinutes:F1} | {_server.WorkingSet64 / 1048576.0:F1} | {Images()} |"));
        }

        await Task.WhenAll(clients);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Images()} images in {seconds:F0} s, {Images() / seconds:F2} per second. Answers: ") +
            string.Join(", ", statuses.OrderBy(static status => status.Key).Select(static status => $"{status.Value} {status.Key}")));

        int Images() => statuses.GetValueOrDefault("200") + statuses.GetValueOrDefault("200 as a stream");

        async Task ClientAsync(int client)
        {
            bool stream = client % 4 == 3;
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                using HttpResponseMessage response = await PostAsync(new
                {
                    prompt = Prompt,
                    seed = Interlocked.Increment(ref _seed),
                    stream,
                    partial_images = stream ? 2 : 0,
                });
                if (response.Headers.RetryAfter?.Delta is { } wait)
                {
                    Count($"{(int)response.StatusCode} with Retry-After");
                    await Task.Delay(wait);
                    continue;
                }

                string answer = await response.Content.ReadAsStringAsync();
                bool whole = !stream || answer.Contains("event: image_generation.completed", StringComparison.Ordinal);
                Count($"{(int)response.StatusCode}{(stream ? " as a stream" : "")}{(whole ? "" : " without its end")}");
            }
        }

        async Task NinthAsync()
        {
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                await Task.Delay(TimeSpan.FromSeconds(2));
                using HttpResponseMessage response = await PostAsync(new { prompt = Prompt });
                Count($"{(int)response.StatusCode}{(response.Headers.Contains("Retry-After") ? " with Retry-After" : "")}");
            }
        }

        void Count(string answer) => statuses.AddOrUpdate(answer, 1, static (_, count) => count + 1);
    }

    /// <summary>
    /// Draws the same images by eight clients of the server and by <c>sjd generate --batch 8</c>, in turns, and prints images per second
    /// without the time in which generate loads the model.
    /// </summary>
    /// <param name="rounds">How often both are timed.</param>
    /// <param name="images">Images of each turn.</param>
    /// <param name="window">Drafts in a pass, or auto. With a number, both run the same passes.</param>
    public async Task CompareAsync(int rounds, int images, string window)
    {
        var ratios = new List<double>();
        Console.WriteLine("| round | eight clients, images per second | generate --batch 8 | ratio |");
        Console.WriteLine("|---|---|---|---|");
        for (int round = 0; round <= rounds; round++) // the first is a warm-up
        {
            double served = images / await ServeAsync(images, window);
            double generated = images / await GenerateAsync(images, window);
            if (round == 0)
                continue;
            ratios.Add(served / generated);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {round} | {served:F2} | {generated:F2} | {ratios[^1]:F2} |"));
        }

        ratios.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"median ratio {(ratios[(ratios.Count - 1) / 2] + ratios[ratios.Count / 2]) / 2:F2}"));
    }

    public void Dispose()
    {
        _http.Dispose();
        _server.Kill();
        _server.WaitForExit();
        _server.Dispose();
    }

    private Task<HttpResponseMessage> PostAsync(object request) => _http.PostAsJsonAsync("/v1/images/generations", request);

    private async Task<double> ServeAsync(int images, string window)
    {
        int next = -1;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            int seed;
            while ((seed = Interlocked.Increment(ref next)) < images)
            {
                using HttpResponseMessage response = await PostAsync(new { prompt = Prompt, seed, window });
                response.EnsureSuccessStatusCode();
                await response.Content.ReadAsByteArrayAsync();
            }
        })));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The time from the moment when the program has loaded the model to its end.</summary>
    private async Task<double> GenerateAsync(int images, string window)
    {
        string folder = Directory.CreateTempSubdirectory("sjdonnx-load-").FullName;
        string file = Path.Combine(folder, "a.png");
        string[] arguments = ["--batch", $"{Clients}", "--count", $"{images}", "--seed", "0", "--window", window, "--json", "-o", file];
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(new ProcessStartInfo(_program, ["generate", Prompt, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task notes = process.StandardError.ReadToEndAsync();
        using JsonDocument report = await JsonDocument.ParseAsync(process.StandardOutput.BaseStream);
        await notes;
        await process.WaitForExitAsync();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Directory.Delete(folder, recursive: true);
        double load = report.RootElement.GetProperty("images")[0].GetProperty("seconds").GetProperty("load").GetDouble();
        return seconds - load;
    }
}
