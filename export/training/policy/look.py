"""Trains the policy to see before it acts: each patch tells which things have their center in it, and the words find what they name.

OpenVLA's parts are pretrained too, on photographs and on text. Without this, the policy stays blind for thousands of steps: 2 of the 21
tokens of an answer depend on where things are, and 2 of the 3 colors of an instruction have to be told apart to know which thing.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import checkpoints
from . import loop, tokens
from .model import Policy, PolicyConfig
from .oracle import demonstrations
from .world import COLORS, Tables

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-vision.pt"
THINGS = (*COLORS, "pad", "gripper")
FOUND = 11  # numbers of `whereabouts`
FINDING_WEIGHT = 4.0


class Looker(nn.Module):
    """Logits and two coordinates for each thing, and the gripper's height and whether it is closed, from each patch's features."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.head = nn.Linear(2 * config.vision_width, 3 * len(THINGS) + 2)

    def forward(self, features: Tensor, present: Tensor, offsets: Tensor, gripper: Tensor) -> dict[str, tuple[float, Tensor]]:
        seen = self.head(features).float()
        errors = (seen[..., len(THINGS) : -2].unflatten(2, (len(THINGS), 2)) - offsets).abs()
        return {
            "present": (10.0, F.binary_cross_entropy_with_logits(seen[..., : len(THINGS)], present)),
            "placed": (1.0, (errors * present[..., None]).sum() / present.sum() / 2),
            "gripper": (1.0, ((seen[..., -2:] - gripper[:, None]).abs() * present[..., -1:]).sum() / present[..., -1].sum() / 2),
        }


class Finder(nn.Module):
    """`whereabouts` from each state of the text from the color on: a linear layer that is dropped after training."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.head = nn.Linear(config.language.hidden_size, FOUND)
        self.first = config.patches + tokens.color_place()
        self.end = config.patches + tokens.prompt_length()

    def forward(self, states: Tensor, places: Tensor) -> tuple[float, Tensor]:
        return FINDING_WEIGHT, (self.head(states[:, self.first : self.end]).float() - places[:, None]).abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    loop.add_options(parser, steps=1600, batch=64, rate=0.01, seed=0, checkpoint=CHECKPOINT)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    model = Policy(PolicyConfig())
    looker, finder = Looker(model.config), Finder(model.config)

    def feed(number: int) -> list[loop.Batch]:
        tables, _ = demonstrations(loop.FEED * options.batch, tokens.CHUNK, np.random.default_rng([options.seed, number]))
        parts = (tables.pictures(), tokens.encode_text(tables.instructions()), whereabouts(tables), *targets(tables, model.config))
        return list(zip(*(torch.from_numpy(part).split(options.batch) for part in parts)))

    def losses(batch: loop.Batch) -> dict[str, tuple[float, Tensor]]:
        pictures, text, places, *seen = batch
        features = model.features(pictures)
        states = model.language_model.hidden(model.prompt_of(features, text))
        return {**looker(features, *seen), "finding": finder(states, places)}

    loop.train(options, {"model": model, "looker": looker, "finder": finder}, model.matrices(), feed, losses)


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


def whereabouts(tables: Tables) -> np.ndarray:
    """Where the gripper, the wanted block and the pad are, how far the next goal is, and what the gripper does, [N, FOUND]."""
    wanted, holds = tables.blocks[np.arange(len(tables)), tables.wanted], tables.held == tables.wanted
    goal = np.where(holds[:, None], tables.pad, wanted) - tables.gripper[:, :2]
    states = np.stack([tables.closed, holds], axis=1)
    return np.concatenate([tables.gripper, wanted, tables.pad, goal, states], axis=1).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
