"""How far an export is: one line that is written over on a terminal, lines of what is done elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 30  # characters of the bar


class Progress:
    """Of `total` steps; each is a layer of a transformer, or a graph without layers."""

    def __init__(self, total: int, output: TextIO = sys.stdout) -> None:
        self._total, self._done = total, 0
        self._output = output
        self._bar = output.isatty()

    def advance(self, what: str) -> None:
        """One step more, which was of `what`."""
        self._done += 1
        if self._bar:
            filled = WIDTH * self._done // self._total
            print(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {100 * self._done // self._total:3d} %  {what}\033[K", end="", file=self._output, flush=True)

    def done(self, line: str) -> None:
        """Something is finished; the line stays."""
        print(f"\r{line}\033[K" if self._bar else line, file=self._output, flush=True)
