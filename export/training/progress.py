"""A progress line for training runs."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints a line to stderr every `every` steps: the step, the means of named figures since the last line, and steps per second."""

    def __init__(self, steps: int, every: int = 25) -> None:
        self.steps, self.every = steps, every
        self._reset()

    def step(self, step: int, **figures: float) -> None:
        for name, value in figures.items():
            self.figures[name] = self.figures.get(name, 0.0) + value
        self.since += 1
        if step % self.every == 0 or step == self.steps:
            elapsed = time.monotonic() - self.started
            text = "  ".join(f"{name} {value / self.since:.4f}" for name, value in self.figures.items())
            print(f"{step}/{self.steps}  {text}  {self.since / elapsed:.2f} steps/s", file=sys.stderr, flush=True)
            self._reset()

    def _reset(self) -> None:
        self.started, self.figures, self.since = time.monotonic(), {}, 0
