using Spectre.Console;
using Spectre.Console.Rendering;

namespace SjdOnnx.Cli.Terminal;

/// <summary>For a person at a terminal: a bar that disappears when the work is done.</summary>
internal sealed class BarProgress : IProgressDisplay
{
    // Leaves room for the text in the 80 columns of a small terminal.
    private const int BarWidth = 20;

    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public Task<T> WaitAsync<T>(string title, Func<Task<T>> work) => _console.Status().StartAsync(Escaped(title), _ => work());

    public Task<T> WorkAsync<T>(string title, Func<IProgress<WorkProgress>, Task<T>> work)
    {
        var text = new ProgressColumnText();
        return _console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn { Width = BarWidth }, text)
            .StartAsync(context => work(new Bar(context.AddTask(Escaped(title), maxValue: 1), text)));
    }

    private static string Escaped(string title) => Markup.Escape(Printable.Text(title));

    /// <summary>Called on the working thread: it leaves values for the bar's own thread to draw.</summary>
    private sealed class Bar(ProgressTask task, ProgressColumnText text) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            text.Latest = value;
            task.Value = value.Share;
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
