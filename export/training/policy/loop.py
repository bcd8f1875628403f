"""The loop that look, imitate and distill share: batches that are made some at once, checkpoints, and going on from the last one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..optimizers import Optimizers, rate_share
from ..progress import Progress

FEED = 16  # batches that are made at once

Batch = tuple[Tensor, ...]


def add_options(parser: argparse.ArgumentParser, steps: int, batch: int, rate: float, seed: int, checkpoint: Path) -> None:
    parser.add_argument("--steps", type=int, default=steps, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=batch, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=rate, help="of Muon; AdamW has a fifth (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=seed, help="default: %(default)s")
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints (default: %(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=checkpoint, help="written, and continued if it is there (default: %(default)s)")


def train(
        options: argparse.Namespace, modules: dict[str, nn.Module], matrices: list[Tensor], feed: Callable[[int], list[Batch]],
        losses: Callable[[Batch], dict[str, tuple[float, Tensor]]], report: Callable[[int], None] | None = None,
        decay: float = 0.3) -> None:
    """Trains `modules` on the weighted sum of named losses, from the options' checkpoint on.

    `feed(number)` makes FEED batches and must depend on its number alone, so that a training that was stopped goes on as if it had not
    been. `report(step)` is called after every fourth checkpoint and after the last.
    """
    optimizers = Optimizers(modules.values(), matrices, options.rate, options.rate / 5)
    done = 0
    if (saved := checkpoints.load(options.checkpoint)) is not None:
        for name, module in modules.items():
            module.load_state_dict(saved[name])
        optimizers.load_state_dict(saved["optimizers"])
        done = saved["step"]
    progress = Progress(options.steps, every=100)
    fed: tuple[int, list[Batch]] | None = None
    for step in range(done + 1, options.steps + 1):
        number, place = divmod(step - 1, FEED)
        if fed is None or fed[0] != number:
            fed = number, feed(number)
        with torch.autocast("cpu", torch.bfloat16):
            named = losses(fed[1][place])
        sum(weight * loss for weight, loss in named.values()).backward()
        for module in modules.values():
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizers.step(rate_share(step, options.steps, decay=decay))
        progress.step(step, **{name: loss.item() for name, (_, loss) in named.items()})
        if step % options.save_every == 0 or step == options.steps:
            state: dict[str, Any] = {name: module.state_dict() for name, module in modules.items()}
            checkpoints.save(options.checkpoint, {**state, "optimizers": optimizers.state_dict(), "step": step})
            if report is not None and (step % (4 * options.save_every) == 0 or step == options.steps):
                report(step)
