#!/usr/bin/env python3
"""Fine-tunes the built-in model to read noisy embeddings and still predict the next clean token, as SJD2 (arXiv 2510.08994) needs.

    python3 export/sjd2/finetune.py --steps 1200

Starts from onnx-models/emoji. Interrupt it at any time: the same command goes on from the last checkpoint. Runs on a GPU where there is one. `--schedule` and
`--levels` are the choices that the paper leaves open; with `--name` runs of different choices keep their checkpoints apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "export" / "emoji")]

import progress  # noqa: E402
import tokens  # noqa: E402
from autoencoder import Autoencoder  # noqa: E402
from noise import SCHEDULES, Levels, Normalisation, Schedule, noisy, segment_levels  # noqa: E402
from scenes import random_scene  # noqa: E402
from sjdexport.safetensors import read_header  # noqa: E402
from train_transformer import CODE_COLUMNS, NO_TARGET, Muon, batch  # noqa: E402
from transformer import Transformer, TransformerConfig  # noqa: E402

BASE = ROOT / "onnx-models" / "emoji" / "checkpoint.safetensors"
EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0)  # of levels, for the figures


class Denoiser(nn.Module):
    """The transformer, what it is told of levels, and how embeddings are normalised (of the base model, for good)."""

    def __init__(self, transformer: Transformer, schedule: Schedule, tells_levels: bool) -> None:
        super().__init__()
        self.transformer, self.schedule = transformer, schedule
        self.levels = Levels(transformer.config.hidden_size) if tells_levels else None
        normalisation = Normalisation.of(transformer.model.embed_tokens.weight.detach()[CODE_COLUMNS])
        self.register_buffer("mean", normalisation.mean)
        self.register_buffer("std", normalisation.std)

    def losses(self, ids: Tensor, targets: Tensor, level: Tensor) -> Tensor:
        """Nats [N, T] of each target; 0 where there is none."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            clean = self.transformer.model.embed_tokens(ids)
            x = noisy(clean.float(), level, self.schedule, Normalisation(self.mean, self.std), self.levels)
            logits = self.transformer.predict(x, CODE_COLUMNS)
        return F.cross_entropy(logits.float().transpose(1, 2), targets, ignore_index=NO_TARGET, reduction="none")


def load_base(config: TransformerConfig) -> Transformer:
    model = Transformer(config)
    header = read_header(BASE)
    model.load_state_dict({name: torch.from_numpy(header[name].float32()) for name in model.state_dict()})
    return model


def is_code(ids: Tensor) -> Tensor:
    return (ids >= tokens.FIRST_CODE) & (ids < tokens.FIRST_CODE + tokens.CODES)


def staircase(codes: Tensor, start: int, length: int) -> Tensor:
    """Levels of a window that begins behind `start` codes and is `length` wide, for figures that can be compared."""
    place = codes.cumsum(dim=1) - 1
    level = ((place - start + 1) / length).clamp(0, 1)
    return torch.where(codes, level, torch.zeros(()))


@torch.no_grad()
def evaluate(model: Denoiser, held_out: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Nats per code: on clean sequences, and behind an input of each range of levels, over windows at three places."""
    torch.manual_seed(123)
    ids, targets = held_out
    wanted = targets != NO_TARGET
    figures = {"clean": float(model.losses(ids, targets, torch.zeros(ids.shape))[wanted].mean())}
    sums = {edge: [0.0, 0] for edge in EDGES[1:]}
    for start in (32, 96, 160):
        level = staircase(is_code(ids), start, 64)
        losses = model.losses(ids, targets, level)
        for low, high in zip(EDGES, EDGES[1:]):
            here = wanted & (level > low) & (level <= high)
            sums[high][0] += float(losses[here].sum())
            sums[high][1] += int(here.sum())
    return figures | {f"<={edge:g}": total / max(1, count) for edge, (total, count) in sums.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1200, help="total steps, those of a resumed run included")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--muon-rate", type=float, default=0.006)
    parser.add_argument("--adam-rate", type=float, default=1e-3)
    parser.add_argument("--schedule", choices=SCHEDULES, default="shifted")
    parser.add_argument("--levels", choices=("added", "untold"), default="added", help="whether the model is told an embedding's level")
    parser.add_argument("--name", default="sjd2", help="of the checkpoint in export/emoji/checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    text = tokens.Tokenizer()
    images = Autoencoder().eval()
    images.load_state_dict(torch.load(progress.CHECKPOINTS / "autoencoder.pt", map_location="cpu")["model"])
    model = Denoiser(load_base(TransformerConfig(vocab_size=text.size)), Schedule(options.schedule), options.levels == "added")
    matrices = [module.weight for module in model.transformer.model.layers.modules() if isinstance(module, nn.Linear)]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    optimizers = [Muon(matrices, options.muon_rate), torch.optim.AdamW(others, lr=options.adam_rate, betas=(0.9, 0.95), weight_decay=0.0)]
    path = progress.CHECKPOINTS / f"{options.name}.pt"
    start, checkpoint = 0, progress.load(path)
    if checkpoint is not None:
        if (checkpoint["schedule"], checkpoint["levels"]) != (options.schedule, options.levels):
            parser.error(f"{path.name} was trained with --schedule {checkpoint['schedule']} --levels {checkpoint['levels']}: give these, or another --name")
        start = checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
        for optimizer, state in zip(optimizers, checkpoint["optimizers"]):
            optimizer.load_state_dict(state)
    model.to(device)

    random = np.random.default_rng(0)
    held_out = tuple(part.to(device) for part in batch([random_scene(random, held_out=True) for _ in range(48)], random, text, images))
    if start == 0:
        print(f"0  {json.dumps({name: round(value, 4) for name, value in evaluate(model, held_out).items()})}", flush=True)
    random = np.random.default_rng([2, start])
    torch.manual_seed(1000 + start)
    line = progress.Progress(options.steps)
    rates = (options.muon_rate, options.adam_rate)
    for step in range(start + 1, options.steps + 1):
        share = min(1.0, step / 50, (options.steps - step + 1) / (0.7 * options.steps))
        for optimizer, rate in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = rate * share
        ids, targets = (part.to(device) for part in batch([random_scene(random) for _ in range(options.batch)], random, text, images))
        level, weight = (part.to(device) for part in segment_levels(is_code(ids).cpu()))
        losses = model.losses(ids, targets, level)
        wanted = targets != NO_TARGET
        weight = weight * wanted
        (losses * weight).sum().div(weight.sum()).backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        line.step(step, clean=float(losses[wanted & (level == 0)].mean()), noisy=float(losses[wanted & (level > 0) & (level < 1)].mean()))
        if step % 50 == 0 or step == options.steps:
            progress.save(path, {"step": step, "schedule": options.schedule, "levels": options.levels, "model": model.state_dict(),
                                 "optimizers": [optimizer.state_dict() for optimizer in optimizers]})
        if step % 200 == 0 or step == options.steps:
            print(f"{step}  {json.dumps({name: round(value, 4) for name, value in evaluate(model, held_out).items()})}", flush=True)
            torch.manual_seed(1000 + step)


if __name__ == "__main__":
    main()
