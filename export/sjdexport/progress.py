"""Progress of an export: a bar on terminals, and a line for each finished part."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 30  # characters of the bar


class Progress:
    """Counts to `total` steps. A step is a layer of a transformer, or another part such as the image decoder."""

    def __init__(self, total: int, output: TextIO = sys.stdout) -> None:
        self._total, self._done = total, 0
        self._output = output
        self._bar = output.isatty()

    def advance(self, what: str) -> None:
        """Counts one step, which belongs to `what`."""
        self._done += 1
        if self._bar:
            filled = WIDTH * self._done // self._total
            print(
                f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {100 * self._done // self._total:3d} %  {what}\033[K", end="",
                file=self._output, flush=True)

    def done(self, line: str) -> None:
        """Prints a line about a finished part, which stays on the terminal."""
        print(f"\r{line}\033[K" if self._bar else line, file=self._output, flush=True)
