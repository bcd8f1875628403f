"""Trains one variant of the model of sums, for one seed.

    cd export
    python3 -m training.thought.train --variant chain --seed 0
    python3 -m training.thought.train --variant 3 --seed 0

The variant is the number of iterations T over the latent tokens, or `chain` (the chain is written out), or `none` (no chain). All but
`chain` start from the weights of the variant `chain` of the same seed, as PCCoT starts from a pretrained model. It can be interrupted at
any time: the same command resumes from the last save. At the end it appends the accuracy to results.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from sjdexport.errors import ExportError, exit_status

from .. import checkpoints
from ..progress import Progress
from .evaluate import accuracy
from .model import Config, Gpt2
from .recipe import FULL, LATENTS, NONE, batch, loss
from .sums import FEWEST, MOST, evaluation_questions, sums
from .tokens import Tokenizer

VARIANTS = (NONE, FULL, *map(str, range(LATENTS + 1)))
RATE, WARM_UP, DECAY, SAVE = 3e-3, 100, 0.2, 250
CHAIN = {"steps": 2200, "batch": 64}  # of the base
OTHERS = {"steps": 2500, "batch": 32}
EVALUATED = 1500  # questions
# Shares of questions with 2, 3 and 4 steps, up to a share of the training: questions get longer.
LENGTHS = ((0.2, (1, 0, 0)), (0.55, (0.25, 0.75, 0)), (1, (0.25, 0.25, 0.5)))


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_status("train", lambda: run(options), "the same command resumes it")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", required=True, choices=VARIANTS, help="chain, none, or the number of iterations")
    parser.add_argument("--seed", type=int, default=0, help="of weights and questions (default: %(default)s)")
    parser.add_argument("--steps", type=int, help=f"total steps (default: {CHAIN['steps']} for chain, else {OTHERS['steps']})")
    parser.add_argument("--batch", type=int, help=f"questions in a step (default: {CHAIN['batch']} for chain, else {OTHERS['batch']})")
    parser.add_argument("--folder", type=Path, default=checkpoints.CHECKPOINTS / "thought", metavar="DIR",
                        help="folder of saves and results.jsonl (default: %(default)s)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    defaults = CHAIN if options.variant == FULL else OTHERS
    steps, size = options.steps or defaults["steps"], options.batch or defaults["batch"]
    path = saved(options.folder, options.variant, options.seed)
    tokenizer = Tokenizer()
    torch.manual_seed(options.seed)
    model = Gpt2(Config(len(tokenizer.ids)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    state = checkpoints.load(path) or {"step": 0, "seconds": 0.0}
    if state["step"]:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    elif options.variant != FULL:
        base = checkpoints.load(saved(options.folder, FULL, options.seed))
        if base is None or not base["done"]:
            raise ExportError(f"seed {options.seed} has no finished variant {FULL} in {options.folder}: train that first.")
        model.load_state_dict(base["model"])
    if state.get("done"):
        return

    progress, seconds = Progress(steps, 100), time.process_time() - state["seconds"]
    for step in range(state["step"] + 1, steps + 1):
        random = np.random.default_rng([options.seed, VARIANTS.index(options.variant), step])
        length = int(random.choice(range(FEWEST, MOST + 1), p=lengths(step, steps)))
        examples = batch(sums(random, size, length), tokenizer)
        optimizer.param_groups[0]["lr"] = RATE * rate(step, steps)
        losses = loss(model, tokenizer, examples, options.variant)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress.step(step, **{name: value.item() for name, value in losses.items()})
        if step % SAVE == 0 or step == steps:
            state = {"step": step, "seconds": time.process_time() - seconds, "done": step == steps,
                     "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            checkpoints.save(path, state)
    by_steps = accuracy(model, tokenizer, evaluation_questions(EVALUATED), options.variant)
    result = {"variant": options.variant, "seed": options.seed, "steps": steps, "batch": size, "questions": EVALUATED,
              "accuracy": round(float(np.mean(list(by_steps.values()))), 4),
              "by_steps": {n: round(value, 4) for n, value in by_steps.items()}, "cpu_seconds": round(state["seconds"])}
    with (options.folder / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
    print(json.dumps(result))


def rate(step: int, steps: int) -> float:
    """Share of the full rate: it rises over WARM_UP steps, and falls linearly over the last DECAY of all steps."""
    return min(1.0, step / WARM_UP, (steps + 1 - step) / (DECAY * steps))


def lengths(step: int, steps: int) -> tuple[float, ...]:
    """The probabilities of 2, 3 and 4 steps in a question."""
    return next(shares for end, shares in LENGTHS if step <= end * steps)


def saved(folder: Path, variant: str, seed: int) -> Path:
    return folder / f"{variant}-{seed}.pt"


if __name__ == "__main__":
    raise SystemExit(main())
