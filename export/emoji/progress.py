"""What every training script here shares: checkpoints that survive an interruption, a clock, a progress line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import torch

CHECKPOINTS = Path(__file__).parent / "checkpoints"  # not in the repository: checkpoints and encoded pictures


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint; an interrupted write leaves the earlier one whole. Raises OSError with its name where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            target = Target(file)
            torch.save(state, target)
            if target.error is not None:
                raise target.error
        os.replace(partial, path)
    except OSError as error:
        error.filename = str(path)
        raise


class Target:
    """A file that keeps the first error of a write and takes what follows as written: told of an error, PyTorch's writer may end the process."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            if self.error is None:
                self.file.write(data)
        except OSError as error:
            self.error = error
        return len(data)

    def flush(self) -> None:
        """Closing does."""


def load(path: Path) -> dict[str, Any] | None:
    return torch.load(path, map_location="cpu") if path.exists() else None


class Progress:
    """A line on stderr: step, named figures (averaged since the last line), steps/s."""

    def __init__(self, steps: int, every: int = 25) -> None:
        self.steps, self.every = steps, every
        self.started, self.figures, self.since = time.monotonic(), {}, 0

    def step(self, step: int, **figures: float) -> None:
        for name, value in figures.items():
            self.figures[name] = self.figures.get(name, 0.0) + value
        self.since += 1
        if step % self.every == 0 or step == self.steps:
            elapsed = time.monotonic() - self.started
            text = "  ".join(f"{name} {value / self.since:.4f}" for name, value in self.figures.items())
            print(f"{step}/{self.steps}  {text}  {self.since / elapsed:.2f} steps/s", file=sys.stderr, flush=True)
            self.started, self.figures, self.since = time.monotonic(), {}, 0
