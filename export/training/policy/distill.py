"""Consistency distillation (CEED-VLA, arXiv 2506.13725): from any iterate of its own decoding, the policy learns to predict the end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import checkpoints
from . import imitate, loop, tokens
from .decoding import episodes, jacobi, prefill
from .model import Policy, PolicyConfig
from .oracle import demonstrations

CHECKPOINT = checkpoints.CHECKPOINTS / "policy-distilled.pt"
TRAJECTORIES = checkpoints.CHECKPOINTS / "policy-trajectories.npz"
MAX_DEVIATION = 0.6  # the mean L1 distance of normalized actions from which on a demonstration is the label instead of the teacher
AR_WEIGHT = 1.0
COLLECTED = 64  # prompts decoded at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    loop.add_options(parser, steps=900, batch=32, rate=0.002, seed=2, checkpoint=CHECKPOINT)
    parser.add_argument("--prompts", type=int, default=8192, help="whose trajectories are collected (default: %(default)s)")
    parser.add_argument("--teacher", type=Path, default=imitate.CHECKPOINT, help="checkpoint of training.policy.imitate")
    parser.add_argument("--trajectories", type=Path, default=TRAJECTORIES, help="file of the collected trajectories")
    options = parser.parse_args()
    if (teacher := checkpoints.load(options.teacher)) is None:
        sys.exit(f"distill: there is no {options.teacher}; run training.policy.imitate first")
    torch.manual_seed(options.seed)
    model = Policy(PolicyConfig())
    model.load_state_dict(teacher["model"])
    data = collect(model, options.trajectories, options.prompts, options.seed)

    def feed(number: int) -> list[loop.Batch]:
        random = np.random.default_rng([options.seed, 1, number])
        rows = random.integers(0, len(data["lengths"]), loop.FEED * options.batch)
        points = (random.random(len(rows)) * data["lengths"][rows]).astype(int)  # any iterate but the last, which is the end
        parts = (
            data["pictures"][rows], data["text"][rows], data["iterates"][points, rows].astype(np.int64),
            data["iterates"][-1, rows].astype(np.int64), data["labels"][rows].astype(np.int64))
        return list(zip(*(torch.from_numpy(part).split(options.batch) for part in parts)))

    def weighted(batch: loop.Batch) -> dict[str, tuple[float, Tensor]]:
        consistency, imitation = losses(model, *batch)
        return {"consistency": (1.0, consistency), "imitation": (AR_WEIGHT, imitation)}

    def report(step: int) -> None:
        rate, chunks = episodes(model, 100, seed=0)
        print(f"step {step}: {rate:.0%} of 100 tasks done, in {chunks:.1f} chunks; {iterations(model):.1f} iterations",
              file=sys.stderr, flush=True)

    loop.train(options, {"model": model}, model.matrices(), feed, weighted, report, decay=0.5)


def losses(model: Policy, pictures: Tensor, text: Tensor, iterates: Tensor, ends: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """KL(stopped Q(. | end) || Q(. | iterate)), and the cross-entropy of the labels; both means over the window's tokens.

    The prompt is read once. Windows follow it side by side: all iterates, all ends, and those labels that are not the ends.
    """
    caches = model.new_caches()
    first = model.logits(model.prompt(pictures, text), 1, caches).float()
    n, others = len(text), torch.nonzero((labels != ends).any(dim=1))[:, 0]
    owners = torch.cat([torch.arange(n), torch.arange(n), others])
    windows = torch.cat([iterates, ends, labels[others]])[:, :-1]
    logits = model.logits(model.embed(windows), windows.shape[1], [[part[owners] for part in layer] for layer in caches]).float()
    from_iterates, from_ends = logits[:n], logits[n : 2 * n]
    consistency = F.kl_div(
        from_iterates.log_softmax(dim=2), from_ends.detach().log_softmax(dim=2), reduction="none", log_target=True).sum(dim=2).mean()
    from_labels = from_ends.index_copy(0, others, logits[2 * n :])
    predicted = torch.cat([first, from_labels], dim=1)
    return consistency, F.cross_entropy(predicted.flatten(0, 1), labels.flatten())


def collect(model: Policy, path: Path, prompts: int, seed: int) -> dict[str, np.ndarray]:
    """Prompts with all iterates of their decoding [iterates, prompts, WINDOW], padded with the ends, and the mixed labels.

    `lengths` is the number of iterates before the end, 1 or more.
    """
    if not path.exists():
        parts = []
        for start in range(0, prompts, COLLECTED):
            random = np.random.default_rng([seed, 0, start])
            tables, chunks = demonstrations(COLLECTED, tokens.CHUNK, random)
            pictures, text = tables.pictures(), tokens.encode_text(tables.instructions())
            first, caches = prefill(model, pictures, torch.from_numpy(text))
            iterates = np.stack(jacobi(model, first, caches, torch.from_numpy(text), random))
            padding = np.repeat(iterates[-1:], tokens.WINDOW + 1 - len(iterates), axis=0)
            lengths = np.maximum(1, (iterates != iterates[-1]).any(axis=2).sum(axis=0))
            taught = tokens.normalize(tokens.decode_actions(iterates[-1]))
            deviation = np.abs(taught - tokens.normalize(chunks)).sum(axis=2).mean(axis=1)
            labels = np.where((deviation > MAX_DEVIATION)[:, None], tokens.encode_actions(chunks), iterates[-1])
            parts.append((pictures, text, np.concatenate([iterates, padding]).astype(np.int16), lengths, labels.astype(np.int16)))
        names, axes = ("pictures", "text", "iterates", "lengths", "labels"), (0, 0, 1, 0, 0)
        data = {name: np.concatenate(part, axis=axis) for name, axis, part in zip(names, axes, zip(*parts))}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **data)
        partial.replace(path)
    data = dict(np.load(path))
    replaced = (data["labels"] != data["iterates"][-1]).any(axis=1).mean()
    print(f"{len(data['text'])} trajectories of {data['lengths'].mean():.1f} iterates; {replaced:.1%} of the labels are demonstrations",
          file=sys.stderr, flush=True)
    return data


def iterations(model: Policy) -> float:
    """The mean number of iterations to the fixed point, over prompts that training does not use."""
    random = np.random.default_rng([0, 0])
    tables, _ = demonstrations(128, tokens.CHUNK, random)
    text = torch.from_numpy(tokens.encode_text(tables.instructions()))
    first, caches = prefill(model, tables.pictures(), text)
    iterates = torch.stack(jacobi(model, first, caches, text, random))
    return 1 + (iterates != iterates[-1]).any(dim=2).sum(dim=0).float().mean().item()


if __name__ == "__main__":
    main()
