"""Trains the two vision transformers before the policy: each patch tells which things have their center in it, and where.

OpenVLA's are pretrained too, on photographs. Without this, the policy stays blind for thousands of steps.
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
from . import tokens
from .model import Policy, PolicyConfig
from .oracle import demonstrations
from .world import COLORS, Tables

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-vision.pt"
THINGS = (*COLORS, "pad", "gripper")
FEED = 16  # batches that are drawn at once


class Looker(nn.Module):
    """Logits and two coordinates for each thing, and the gripper's height and whether it is closed, from each patch's features."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy
        self.head = nn.Linear(2 * policy.config.vision_width, 3 * len(THINGS) + 2)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.policy.features(pictures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.01, help="of Muon; AdamW has a fifth (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=250, help="steps between checkpoints (default: %(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    looker = Looker(Policy(PolicyConfig()))
    matrices = [p for p in looker.policy.matrices() if any(p is q for q in looker.policy.vision_backbone.parameters())]
    optimizers = Optimizers([looker.policy.vision_backbone, looker.head], matrices, options.rate, options.rate / 5)
    done = 0
    if (saved := checkpoints.load(options.checkpoint)) is not None:
        looker.load_state_dict(saved["looker"])
        optimizers.load_state_dict(saved["optimizers"])
        done = saved["step"]
    progress = Progress(options.steps, every=100)
    fed: tuple[int, list] | None = None
    for step in range(done + 1, options.steps + 1):
        feed, place = divmod(step - 1, FEED)
        if fed is None or fed[0] != feed:
            tables, _ = demonstrations(FEED * options.batch, tokens.CHUNK, np.random.default_rng([options.seed, feed]))
            parts = (tables.pictures(), *targets(tables, looker.policy.config))
            fed = feed, list(zip(*(torch.from_numpy(part).split(options.batch) for part in parts)))
        pictures, present, offsets, gripper = fed[1][place]
        seen = looker(pictures)
        found = F.binary_cross_entropy_with_logits(seen[..., : len(THINGS)], present)
        errors = (seen[..., len(THINGS) : -2].unflatten(2, (len(THINGS), 2)) - offsets).abs()
        placed = (errors * present[..., None]).sum() / present.sum() / 2
        told = ((seen[..., -2:] - gripper[:, None]).abs() * present[..., -1:]).sum() / present[..., -1].sum() / 2
        (10 * found + placed + told).backward()
        optimizers.step(rate_share(step, options.steps))
        progress.step(step, found=found.item(), placed=placed.item(), told=told.item())
        if step % options.save_every == 0 or step == options.steps:
            checkpoints.save(options.checkpoint, {"looker": looker.state_dict(), "optimizers": optimizers.state_dict(), "step": step})


def targets(tables: Tables, config: PolicyConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each patch and thing whether its center is there [N, patches, things] and where on the table, in patches from the middle
    [N, patches, things, 2]; and the gripper's height and whether it is closed [N, 2]."""
    n, side = len(tables), config.side // config.patch
    places = np.full((n, len(THINGS), 2), np.nan)
    for block in range(2):
        places[np.arange(n), tables.colors[:, block]] = tables.blocks[:, block]
    places[:, -2], places[:, -1] = tables.pad, tables.gripper[:, :2]
    centers = (np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="xy"), axis=2).reshape(-1, 2) + 0.5) / side  # x, y
    offsets = np.nan_to_num((places[:, None] - centers[:, None]) * side, nan=9.0)
    gripper = np.stack([tables.gripper[:, 2], tables.closed], axis=1)
    on_table = np.broadcast_to(np.nan_to_num((places[:, None] - 0.5) * side), offsets.shape)
    return (np.abs(offsets).max(axis=3) <= 0.5).astype(np.float32), on_table.astype(np.float32), gripper.astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
