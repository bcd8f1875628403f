"""Trains the policy to imitate demonstrations: cross-entropy of each next action token."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .. import checkpoints
from ..optimizers import Optimizers, rate_share
from ..progress import Progress
from . import tokens
from .decoding import episodes
from .model import Policy, PolicyConfig
from .oracle import demonstrations

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-imitation.pt"
FEED = 16  # batches whose demonstrations are made at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.01, help="of Muon; AdamW has a fifth (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints (default: %(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    model = Policy(PolicyConfig())
    optimizers = Optimizers([model], model.matrices(), options.rate, options.rate / 5)
    done = 0
    if (saved := checkpoints.load(options.checkpoint)) is not None:
        model.load_state_dict(saved["model"])
        optimizers.load_state_dict(saved["optimizers"])
        done = saved["step"]
    progress = Progress(options.steps, every=100)
    fed: tuple[int, list] | None = None
    for step in range(done + 1, options.steps + 1):
        feed, place = divmod(step - 1, FEED)
        if fed is None or fed[0] != feed:
            fed = feed, batches(options.batch, np.random.default_rng([options.seed, feed]))
        pictures, text, labels = fed[1][place]
        embedded = torch.cat([model.prompt(pictures, text), model.embed(labels[:, :-1])], dim=1)
        logits = model.logits(embedded, tokens.WINDOW)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(rate_share(step, options.steps))
        progress.step(step, loss=loss.item())
        if step % options.save_every == 0 or step == options.steps:
            checkpoints.save(options.checkpoint, {"model": model.state_dict(), "optimizers": optimizers.state_dict(), "step": step})
            if step % (4 * options.save_every) == 0 or step == options.steps:
                rate, chunks = episodes(model, 100, seed=0)
                print(f"step {step}: {rate:.0%} of 100 tasks done, in {chunks:.1f} chunks", file=sys.stderr, flush=True)


def batches(size: int, random: np.random.Generator) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """FEED batches of pictures, text ids and the window's ids."""
    tables, chunks = demonstrations(FEED * size, tokens.CHUNK, random)
    parts = (tables.pictures(), tokens.encode_text(tables.instructions()), tokens.encode_actions(chunks))
    return list(zip(*(torch.from_numpy(part).split(size) for part in parts)))


if __name__ == "__main__":
    main()
