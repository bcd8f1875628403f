using SjdOnnx.Runtime;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace SjdOnnx.Cli;

/// <summary>For a person at a terminal: a bar that disappears when the picture is there.</summary>
internal sealed class BarProgress : IProgressDisplay
{
    /// <summary>Leaves room for the text in the 80 columns of a small terminal.</summary>
    private const int BarWidth = 20;

    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public Task<T> LoadAsync<T>(string title, Func<Task<T>> load) => _console.Status().StartAsync(Markup.Escape(title), _ => load());

    public Task<T> DrawAsync<T>(string title, Func<IProgress<GenerationProgress>, Task<T>> draw)
    {
        var text = new ProgressColumnText();
        return _console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn { Width = BarWidth }, text)
            .StartAsync(context => draw(new Bar(context.AddTask(Markup.Escape(title)), text)));
    }

    /// <summary>Called on the decoding thread: it leaves values for the bar's own thread to draw.</summary>
    private sealed class Bar(ProgressTask task, ProgressColumnText text) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value)
        {
            text.Latest = value;
            task.MaxValue = value.TotalTokens;
            task.Value = value.Tokens;
        }
    }

    private sealed class ProgressColumnText : ProgressColumn
    {
        public GenerationProgress? Latest { get; set; }

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(Latest is GenerationProgress progress ? ProgressText.Of(progress) : "");
    }
}
