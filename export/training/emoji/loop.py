"""The loop of all training stages. It resumes from the last checkpoint, saves new ones, and prints its progress."""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..checkpoints import load, save

SETTLED = 60  # steps after which the speed is known


class Part(Protocol):
    """A model or an optimizer, whose state a checkpoint holds."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any: ...


def load_stage(path: Path, device: str = "cpu") -> dict[str, Any]:
    """The checkpoint of another stage. Exits with a message if there is none."""
    state = load(path, device)
    if state is None:
        raise SystemExit(f"{path} is missing; run the stage {path.stem} first.")
    return state


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long a stage trains:

    `steps` in all or, if `minutes` is given, as many as fit. A checkpoint stores the planned number of steps.
    """

    steps: int
    batch: int
    minutes: float | None = None
    seconds_between_saves: float = 240.0
    workers: int = 0  # processes that draw scenes ahead; 0 draws them in this one


class Loop:
    """Iterates over (step, data of the step).

    The data depend on the step alone, so a resumed run sees the same data as one that was not interrupted.
    """

    def __init__(self, path: Path, plan: Plan, device: str, data: Callable[[np.random.Generator, int], Any], seed: int,
                 config: Any = None, **parts: Part) -> None:
        self._path, self._plan, self._data, self._seed, self._parts = path, plan, data, seed, parts
        self._config = None if config is None else dataclasses.asdict(config)
        self._done, self.steps = 0, plan.steps
        if (checkpoint := load(path, device)) is not None:
            self._done = checkpoint["step"]
            if plan.minutes is not None:
                self.steps = checkpoint["steps"]
            for name, part in parts.items():
                part.load_state_dict(checkpoint[name])
        elif plan.minutes is not None:
            self.steps = 10**9  # until the speed is known

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        started = saved = settled = time.monotonic()
        self._begin_line()
        first = self._done
        for step, data in self._batches():
            yield step, data
            self._line_of(step)
            if self.steps == 10**9 and step - first == SETTLED:
                rate = (SETTLED - 10) / (time.monotonic() - settled)
                self.steps = step + max(1, round((self._plan.minutes * 60 - (time.monotonic() - started)) * rate))
                print(f"{self._path.stem}: {self.steps} steps fit into {self._plan.minutes} minutes", file=sys.stderr, flush=True)
            if step - first == 10:
                settled = time.monotonic()
            if step >= self.steps or time.monotonic() - saved >= self._plan.seconds_between_saves:
                self._save(step)
                saved = time.monotonic()
            if step >= self.steps:
                return

    def _batches(self) -> Iterator[tuple[int, Any]]:
        steps = range(self._done + 1, self.steps + 1)
        if not self._plan.workers:
            yield from ((step, self.batch_of(step)) for step in steps)
            return
        with multiprocessing.get_context("fork").Pool(self._plan.workers, _become_worker, (self.batch_of,)) as pool:
            ahead = 4 * self._plan.workers
            waiting = [pool.apply_async(_work, (step,)) for step in steps[:ahead]]
            for step in steps:
                data = waiting.pop(0).get()
                if step + ahead in steps:
                    waiting.append(pool.apply_async(_work, (step + ahead,)))
                yield step, data

    def batch_of(self, step: int) -> Any:
        return self._data(np.random.default_rng([self._seed, step]), self._plan.batch)

    def part(self, step: int) -> float:
        """The share of the training that is done at a step, 0 to 1."""
        return step / self.steps

    def report(self, **figures: float) -> None:
        """Adds figures to the next progress line, which prints their means."""
        for name, value in figures.items():
            self._figures[name] = self._figures.get(name, 0.0) + float(value)

    def _begin_line(self) -> None:
        self._since, self._count, self._figures = time.monotonic(), 0, {}

    def _line_of(self, step: int) -> None:
        self._count += 1
        if step % 25 == 0 or step == self.steps:
            rate = self._count * self._plan.batch / (time.monotonic() - self._since)
            figures = "  ".join(f"{name} {value / self._count:.4f}" for name, value in self._figures.items())
            total = "?" if self.steps == 10**9 else self.steps
            line = f"{time.strftime('%H:%M:%S')} {self._path.stem} {step}/{total}  {figures}  {rate:.1f} pictures/s"
            print(line, file=sys.stderr, flush=True)
            self._begin_line()

    def _save(self, step: int) -> None:
        states = {name: part.state_dict() for name, part in self._parts.items()}
        save(self._path, {"step": step, "steps": self.steps, "config": self._config, **states})


def _become_worker(batch_of: Callable[[int], Any]) -> None:
    global _worker
    torch.set_num_threads(1)
    _worker = batch_of


def _work(step: int) -> Any:
    return _worker(step)
