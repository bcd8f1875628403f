"""Trains the policy to imitate demonstrations: cross-entropy of each next action token.

A second loss makes the policy find things: from the prompt's last state, a linear layer that is dropped afterwards tells where they are.
Without it, the policy stays blind for thousands of steps, because 2 of the 21 tokens depend on where things are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from ..optimizers import Optimizers, rate_share
from ..progress import Progress
from . import look, tokens
from .decoding import episodes
from .model import Policy, PolicyConfig
from .oracle import demonstrations
from .world import Tables

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-imitation.pt"
FEED = 16  # batches whose demonstrations are made at once
FOUND = 11  # numbers of `whereabouts`
FINDING_WEIGHT = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.01, help="of Muon; AdamW has a fifth (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints (default: %(default)s)")
    parser.add_argument("--vision", type=Path, default=look.CHECKPOINT)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    options = parser.parse_args()

    if (seen := checkpoints.load(options.vision)) is None:
        sys.exit(f"imitate: there is no {options.vision}; run training.policy.look first")
    torch.manual_seed(options.seed)
    model = Policy(PolicyConfig())
    vision = "policy.vision_backbone."
    model.vision_backbone.load_state_dict(
        {name.removeprefix(vision): value for name, value in seen["looker"].items() if name.startswith(vision)})
    finder = nn.Linear(model.config.language.hidden_size, FOUND)
    optimizers = Optimizers([model, finder], model.matrices(), options.rate, options.rate / 5)
    done = 0
    if (saved := checkpoints.load(options.checkpoint)) is not None:
        model.load_state_dict(saved["model"])
        finder.load_state_dict(saved["finder"])
        optimizers.load_state_dict(saved["optimizers"])
        done = saved["step"]
    progress = Progress(options.steps, every=100)
    fed: tuple[int, list] | None = None
    for step in range(done + 1, options.steps + 1):
        feed, place = divmod(step - 1, FEED)
        if fed is None or fed[0] != feed:
            fed = feed, batches(options.batch, np.random.default_rng([options.seed, feed]))
        pictures, text, labels, places = fed[1][place]
        embedded = torch.cat([model.prompt(pictures, text), model.embed(labels[:, :-1])], dim=1)
        states = model.language_model.hidden(embedded)[:, -tokens.WINDOW :]
        loss = F.cross_entropy(model.language_model.lm_head(states).flatten(0, 1), labels.flatten())
        finding = (finder(states[:, 0]) - places).abs().mean()
        (loss + FINDING_WEIGHT * finding).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers.step(rate_share(step, options.steps))
        progress.step(step, loss=loss.item(), finding=finding.item())
        if step % options.save_every == 0 or step == options.steps:
            checkpoints.save(options.checkpoint, {
                "model": model.state_dict(), "finder": finder.state_dict(), "optimizers": optimizers.state_dict(), "step": step})
            if step % (4 * options.save_every) == 0 or step == options.steps:
                rate, chunks = episodes(model, 100, seed=0)
                print(f"step {step}: {rate:.0%} of 100 tasks done, in {chunks:.1f} chunks", file=sys.stderr, flush=True)


def batches(size: int, random: np.random.Generator) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """FEED batches of pictures, text ids, the window's ids and whereabouts."""
    tables, chunks = demonstrations(FEED * size, tokens.CHUNK, random)
    parts = (tables.pictures(), tokens.encode_text(tables.instructions()), tokens.encode_actions(chunks), whereabouts(tables))
    return list(zip(*(torch.from_numpy(part).split(size) for part in parts)))


def whereabouts(tables: Tables) -> np.ndarray:
    """Where the gripper, the wanted block and the pad are, how far the next goal is, and what the gripper does, [N, FOUND]."""
    wanted, holds = tables.blocks[np.arange(len(tables)), tables.wanted], tables.held == tables.wanted
    goal = np.where(holds[:, None], tables.pad, wanted) - tables.gripper[:, :2]
    states = np.stack([tables.closed, holds], axis=1)
    return np.concatenate([tables.gripper, wanted, tables.pad, goal, states], axis=1).astype(np.float32)


if __name__ == "__main__":
    main()
