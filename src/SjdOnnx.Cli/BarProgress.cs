using Spectre.Console;
using Spectre.Console.Rendering;

namespace SjdOnnx.Cli;

/// <summary>For a person at a terminal: a bar that disappears when the work is done.</summary>
internal sealed class BarProgress : IProgressDisplay
{
    /// <summary>Leaves room for the text in the 80 columns of a small terminal.</summary>
    private const int BarWidth = 20;

    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public Task<T> LoadAsync<T>(string title, Func<Task<T>> load) => _console.Status().StartAsync(Markup.Escape(title), _ => load());

    public Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work)
    {
        var text = new ProgressColumnText();
        return _console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn { Width = BarWidth }, text)
            .StartAsync(context => work(new Bar(context.AddTask(Markup.Escape(title)), text)));
    }

    /// <summary>Called on the working thread: it leaves values for the bar's own thread to draw.</summary>
    private sealed class Bar(ProgressTask task, ProgressColumnText text) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            text.Latest = value;
            task.MaxValue = value.Total;
            task.Value = value.Done;
        }
    }

    private sealed class ProgressColumnText : ProgressColumn
    {
        public WorkProgress? Latest { get; set; }

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(Latest?.Text() ?? "");
    }
}
