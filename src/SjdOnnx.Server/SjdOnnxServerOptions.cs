using SjdOnnx.Extensions.Hosting;

namespace SjdOnnx.Server;

/// <summary>What a server draws with, what it allows, and who may use it. Checked when the host starts.</summary>
public sealed class SjdOnnxServerOptions
{
    /// <summary>
    /// The models by the names that clients use. A model is loaded when it is first asked for; <see cref="DefaultModel"/> is loaded at
    /// start. <see cref="SjdOnnxOptions.MaxQueueLength"/> has no effect: <see cref="MaxPendingImages"/> takes its place.
    /// </summary>
    public Dictionary<string, SjdOnnxOptions> Models { get; } = new(StringComparer.Ordinal);

    /// <summary>The model of requests that name none; null for the first of <see cref="Models"/>.</summary>
    public string? DefaultModel { get; set; }

    /// <summary>
    /// Whether a request for a model that is not there is drawn with the default model. Some programs always ask for gpt-image-1.
    /// </summary>
    public bool AcceptUnknownModels { get; set; }

    /// <summary>Whether a request for a size that the model lacks is drawn in the nearest size. Otherwise the answer is 400.</summary>
    public bool AcceptUnknownSizes { get; set; }

    /// <summary>
    /// Keys of at least <see cref="MinKeyLength"/> characters, one of which every request must carry. Without keys only connections from
    /// this machine are served.
    /// </summary>
    public IList<string> ApiKeys { get; } = [];

    /// <summary>The least number of characters of a key.</summary>
    public const int MinKeyLength = 16;

    /// <summary>
    /// Names in the Host header that are answered without keys, besides localhost and IP addresses: a web site could otherwise make its own
    /// name stand for this machine and use the server through a visitor's browser.
    /// </summary>
    public IList<string> AllowedHosts { get; } = [];

    /// <summary>
    /// Origins such as <c>https://app.example</c> whose pages may use the server from a browser. The application must call
    /// <c>UseCors()</c>.
    /// </summary>
    public IList<string> CorsOrigins { get; } = [];

    /// <summary>Whether the web page is served at <c>/</c>.</summary>
    public bool ServePage { get; set; } = true;

    /// <summary>The most images that wait or are drawn at once, over all requests to a model. Past it the answer is 429.</summary>
    public int MaxPendingImages { get; set; } = 64;

    /// <summary>The most images that one request may ask for, if <see cref="MaxPendingImages"/> allows so many.</summary>
    public int MaxImagesPerRequest { get; set; } = 10;

    /// <summary>The most characters (UTF-16) of a prompt or negative prompt.</summary>
    public int MaxPromptLength { get; set; } = 4000;

    /// <summary>The most bytes in the body of a request.</summary>
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>The most time that a request takes, waiting included. Past it the answer is 504.</summary>
    public TimeSpan TimeLimit { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>After this time without an event, a stream sends a comment, so that proxies do not close the connection.</summary>
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>When the server stops, how long requests under way may go on. Those that are left are answered with 503.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The most bytes of models that are loaded at once, by an estimate from the sizes of files and caches. To load another one, the model
    /// that was unused for longest is unloaded. Null for three quarters of the machine's or container's memory.
    /// </summary>
    public long? MaxMemoryBytes { get; set; }

    /// <summary><see cref="DefaultModel"/>, or the first name.</summary>
    internal string DefaultName => DefaultModel ?? Models.Keys.First();

    internal long MemoryBudget => MaxMemoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 * 3;
}
