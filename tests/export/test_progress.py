"""The output of a running export."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sjdexport.exporter import ExportOptions, export
from sjdexport.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(output: io.StringIO) -> str:
    progress = Progress(4, output)
    for _ in range(3):
        progress.advance("transformer")
    progress.done("transformer: 3 layers")
    progress.advance("tokenizer")
    progress.done("tokenizer: 7 tokens")
    return output.getvalue()


def test_without_a_terminal_each_finished_part_is_one_line() -> None:
    assert run(io.StringIO()) == "transformer: 3 layers\ntokenizer: 7 tokens\n"


def test_on_a_terminal_one_line_is_overwritten() -> None:
    written = run(Terminal())
    assert written.count("\n") == 2
    assert [part.split(" %")[0][-3:].strip() for part in written.split("\r") if "%" in part] == ["25", "50", "75", "100"]


@pytest.mark.parametrize("steps", [1, 4])
def test_the_bar_is_as_long_as_the_finished_share(steps: int) -> None:
    terminal = Terminal()
    progress = Progress(4, terminal)
    for _ in range(steps):
        progress.advance("x")
    assert terminal.getvalue().split("\r")[-1].count("#") == 30 * steps // 4


def test_a_finished_export_is_at_100_percent(checkpoint: Path, tmp_path: Path) -> None:
    terminal = Terminal()
    export(ExportOptions(None, checkpoint, tmp_path / "out", ("fp32", "int8"), "fp32", pictures=()), terminal)
    steps = [part.split(" %")[0].split()[-1] for part in terminal.getvalue().split("\r") if " %  " in part]
    assert steps == ["16", "33", "50", "66", "83", "100"]
