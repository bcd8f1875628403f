"""What all stages of the training share: checkpoints that survive an interruption, a clock, a progress line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Callable

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint; an interrupted write leaves the earlier one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load(path: Path, device: str = "cpu") -> dict[str, Any] | None:
    return torch.load(path, map_location=device) if path.exists() else None


class Keeper:
    """Saves a checkpoint every few minutes and at the end."""

    def __init__(self, path: Path, state: Callable[[], dict[str, Any]], seconds: float = 240.0) -> None:
        self._path, self._state, self._seconds = path, state, seconds
        self._last = time.monotonic()

    def step(self, last: bool) -> None:
        if last or time.monotonic() - self._last >= self._seconds:
            save(self._path, self._state())
            self._last = time.monotonic()


class Line:
    """A line on stderr: step, named figures (averaged since the last line), pictures a second."""

    def __init__(self, stage: str, steps: int, batch: int, every: int = 25) -> None:
        self.stage, self.steps, self.batch, self.every = stage, steps, batch, every
        self._start()

    def _start(self) -> None:
        self.started, self.figures, self.since = time.monotonic(), {}, 0

    def step(self, step: int, **figures: float) -> None:
        for name, value in figures.items():
            self.figures[name] = self.figures.get(name, 0.0) + value
        self.since += 1
        if step % self.every == 0 or step == self.steps:
            rate = self.since * self.batch / (time.monotonic() - self.started)
            text = "  ".join(f"{name} {value / self.since:.4f}" for name, value in self.figures.items())
            print(f"{time.strftime('%H:%M:%S')} {self.stage} {step}/{self.steps}  {text}  {rate:.1f} pictures/s", file=sys.stderr, flush=True)
            self._start()
