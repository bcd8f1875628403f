"""Trains the policy to imitate demonstrations: cross-entropy of each next action token.

The first action's tokens weigh more, because the others of a chunk are much like it: whoever copies it does well on 16 of 21 tokens.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import checkpoints
from . import look, loop, tokens
from .decoding import episodes
from .model import Policy, PolicyConfig
from .oracle import demonstrations

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-imitation.pt"
FIRST_WEIGHT = 3.0
WEIGHTS = torch.tensor([FIRST_WEIGHT] * tokens.DIMENSIONS + [1.0] * (tokens.WINDOW - tokens.DIMENSIONS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    loop.add_options(parser, steps=2400, batch=64, rate=0.01, seed=1, checkpoint=CHECKPOINT)
    parser.add_argument("--vision", type=Path, default=look.CHECKPOINT, help="checkpoint of training.policy.look (default: %(default)s)")
    options = parser.parse_args()
    if (seen := checkpoints.load(options.vision)) is None:
        sys.exit(f"imitate: there is no {options.vision}; run training.policy.look first")
    torch.manual_seed(options.seed)
    model = Policy(PolicyConfig())
    model.load_state_dict(seen["model"])
    finder = look.Finder(model.config)
    finder.load_state_dict(seen["finder"])

    def feed(number: int) -> list[loop.Batch]:
        tables, chunks = demonstrations(loop.FEED * options.batch, tokens.CHUNK, np.random.default_rng([options.seed, number]))
        parts = (
            tables.pictures(), tokens.encode_text(tables.instructions()), tokens.encode_actions(chunks), look.whereabouts(tables))
        return list(zip(*(torch.from_numpy(part).split(options.batch) for part in parts)))

    def losses(batch: loop.Batch) -> dict[str, tuple[float, Tensor]]:
        pictures, text, labels, places = batch
        embedded = torch.cat([model.prompt(pictures, text), model.embed(labels[:, :-1])], dim=1)
        states = model.language_model.hidden(embedded)
        logits = model.language_model.lm_head(states[:, -tokens.WINDOW :]).float()
        each = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
        return {"imitation": (1.0, (each * WEIGHTS).mean() / WEIGHTS.mean()), "finding": finder(states, places)}

    def report(step: int) -> None:
        rate, chunks = episodes(model, 100, seed=0)
        print(f"step {step}: {rate:.0%} of 100 tasks done, in {chunks:.1f} chunks", file=sys.stderr, flush=True)

    loop.train(options, {"model": model, "finder": finder}, model.matrices(), feed, losses, report, decay=0.375)


if __name__ == "__main__":
    main()
