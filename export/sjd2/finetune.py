#!/usr/bin/env python3
"""Fine-tunes a model to read noisy embeddings and still predict the next clean token, as SJD2 (arXiv 2510.08994) needs.

    python3 export/sjd2/finetune.py --steps 1200
    python3 export/sjd2/finetune.py --checkpoint anole-7b-hf --tokens pictures.safetensors --steps 8000 --batch 8 --name anole-sjd2

Without --checkpoint it is the built-in model, on scenes of its own; any other model that export.py takes needs a file of token ids (export/sjd2/README.md).
Interrupt it at any time: the same command goes on from where it last saved. Runs on a GPU where there is one. At the end it writes a checkpoint folder, from
which export.py makes a model folder. `--schedule` and `--levels` are the choices that the paper leaves open; with `--name` runs of different choices stay apart.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "export" / "emoji"), str(ROOT / "export" / "sjd2")]

import progress  # noqa: E402
import saved  # noqa: E402
from model import NO_TARGET, Denoiser, SourceTransformer  # noqa: E402
from noise import SCHEDULES, Schedule, segment_levels  # noqa: E402
from sequences import Batch, Scenes, Sequences, TokenFile  # noqa: E402
from sjdexport.checkpoint import Checkpoint  # noqa: E402
from sjdexport.denoising import PREFIX  # noqa: E402
from sjdexport.errors import ExportError, exit_status  # noqa: E402
from sjdexport.exporter import open_family  # noqa: E402
from sjdexport.sections import merge  # noqa: E402
from train_transformer import Muon  # noqa: E402
from write_back import weights_file, write_checkpoint  # noqa: E402

BUILT_IN = ROOT / "onnx-models" / "emoji"
EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0)  # of levels, for the figures
STARTS = (0.125, 0.375, 0.625)  # of windows that are judged, as shares of a picture's codes
WIDTH = 0.25  # of such a window
RATES = {"muon": 0.006, "adamw": 2e-5}  # AdamW's is the paper's
WARM_UP, SAVE, JUDGE = 50, 50, 200  # steps
WIDEST = 1024  # window that the engine decodes with


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_status("finetune", lambda: run(options), "the same command goes on")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=BUILT_IN, metavar="PATH", help="as export.py takes it (default: the built-in model's)")
    parser.add_argument("--family", help="as export.py takes it")
    parser.add_argument("--vq", type=Path, metavar="PATH", help="as export.py takes it")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="as export.py takes it")
    parser.add_argument("--tokens", type=Path, metavar="FILE", help="safetensors with ids, I32 [sequences, tokens] (default: scenes, for the built-in model)")
    parser.add_argument("--steps", type=int, default=1200, help="total steps, those of a resumed run included (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="sequences in a step (default: %(default)s)")
    parser.add_argument("--optimizer", choices=RATES, help="muon (for matrices between embedding and head, AdamW for all else) or adamw "
                        "(default: adamw with --tokens, else muon)")
    parser.add_argument("--rate", type=float, help="of the optimizer, at its highest (default: muon 0.006, adamw 2e-5)")
    parser.add_argument("--adam-rate", type=float, default=1e-3, help="of what Muon does not train (default: %(default)s)")
    parser.add_argument("--schedule", choices=SCHEDULES, default="cosine", help="of noise (default: %(default)s)")
    parser.add_argument("--levels", choices=("added", "untold"), default="added", help="whether the model is told an embedding's level (default: %(default)s)")
    parser.add_argument("--denoising-steps", type=int, default=1, help="that decoding takes unless told (default: %(default)s)")
    parser.add_argument("--window", type=int, default=16, help="drafts that decoding takes unless told (default: %(default)s)")
    parser.add_argument("--name", default="sjd2", help="of what is saved in export/emoji/checkpoints (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="checkpoint folder to write at the end (default: export/emoji/checkpoints/NAME)")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    options = parser.parse_args(arguments)
    options.out = options.out or progress.CHECKPOINTS / options.name
    options.optimizer = options.optimizer or ("muon" if options.tokens is None else "adamw")
    options.rate = RATES[options.optimizer] if options.rate is None else options.rate
    return options


def run(options: argparse.Namespace) -> None:
    """Raises ExportError where what was given cannot be used."""
    check(options)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    given, family = open_family(options.family, options.checkpoint, options.vq, None, options.size)
    if noisy := [name for name in given.checkpoint.names() if name.startswith(PREFIX)]:
        raise ExportError(f"the checkpoint in {given.folder} has {min(noisy)}, so it was fine-tuned for SJD2 before: give the one it was made from.")
    weights_file(given, options.out)
    transformer = SourceTransformer(family, given.checkpoint)
    sections = merge(family.name, family.generation(), given.sections)
    first = sections["layout"]["firstCode"]
    sequences = open_sequences(options, given.checkpoint, range(first, first + transformer.shape.codes), transformer)
    model = Denoiser(transformer, first, Schedule(options.schedule), options.levels == "added")
    train(model, sequences, options, saved.begun_with(options, family.name, given.checkpoint))
    decoding = {**sections["decoding"], "method": "sjd2", "window": options.window}
    try:
        write_checkpoint(options.out, given, options.checkpoint.is_dir(), model, decoding, options.denoising_steps)
    except OSError as error:
        error.filename = error.filename or str(options.out)  # a full disk names no file
        raise
    print(f"{options.out}: done; {next_command(options)} makes a model folder of it", flush=True)


def check(options: argparse.Namespace) -> None:
    """What needs no model to be seen."""
    for name in ("steps", "batch", "denoising_steps", "window", "threads"):
        if getattr(options, name) < 1:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name)}; expected 1 or more.")
    for name in ("denoising_steps", "window"):
        if getattr(options, name) > WIDEST:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name)}; decoding takes {WIDEST} at most.")
    for name in ("rate", "adam_rate"):
        if not 0 < getattr(options, name) < math.inf:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name):g}; expected a number above 0.")
    if options.denoising_steps > options.window:
        raise ExportError(
            f"--denoising-steps is {options.denoising_steps} and --window {options.window}: a draft takes a step in each pass, so give a window of as many or more.")
    if not options.name or Path(options.name).name != options.name:
        raise ExportError(f"--name is '{options.name}'; expected the name of a file.")


def open_sequences(options: argparse.Namespace, checkpoint: Checkpoint, codes: range, transformer: SourceTransformer) -> Sequences:
    if options.tokens is not None:
        return TokenFile(options.tokens, codes, transformer.vocabulary, transformer.shape.max_positions)
    if options.checkpoint.resolve() != BUILT_IN:
        raise ExportError("only the built-in model has scenes to be fine-tuned on: give a file of token ids with --tokens.")
    return Scenes(checkpoint)


def train(model: Denoiser, sequences: Sequences, options: argparse.Namespace, begun: Mapping[str, Any]) -> None:
    """Up to options.steps, from what was saved under options.name if there is such, and saves it there with what it was begun with."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    path = progress.CHECKPOINTS / f"{options.name}.pt"
    state = saved.load(path, begun, options.steps)
    start = 0 if state is None else state["step"]
    model.to(device)
    optimizers = make_optimizers(model, options)
    if state is not None:
        saved.restore(path, state, model, [each for each, _ in optimizers])
        del state  # as much again as the model and its optimizers
    held_out = sequences.held_out().to(device)
    if start == 0:
        report(0, model, held_out, options.batch)
    line = progress.Progress(options.steps)
    for step in range(start + 1, options.steps + 1):
        share = min(1.0, step / WARM_UP, (options.steps - step + 1) / (0.7 * options.steps))
        for optimizer, rate in optimizers:
            optimizer.param_groups[0]["lr"] = rate * share
        # Of the step, so that a run that was interrupted goes on as if it had not been.
        torch.manual_seed(1000 + step)
        line.step(step, **take_step(model, sequences.batch(np.random.default_rng([2, step]), options.batch), device, [each for each, _ in optimizers]))
        if step % SAVE == 0 or step == options.steps:
            progress.save(path, {"step": step, **begun, "model": model.state_dict(), "optimizers": [each.state_dict() for each, _ in optimizers]})
        if step % JUDGE == 0 or step == options.steps:
            report(step, model, held_out, options.batch)


def make_optimizers(model: Denoiser, options: argparse.Namespace) -> list[tuple[torch.optim.Optimizer, float]]:
    """With their highest rates."""
    matrices = model.transformer.matrices() if options.optimizer == "muon" else []
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    adam_rate = options.adam_rate if matrices else options.rate
    adam = torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.95), weight_decay=0.0), adam_rate
    return [(Muon(matrices, options.rate), options.rate), adam] if matrices else [adam]


def take_step(model: Denoiser, batch: Batch, device: torch.device, optimizers: list[torch.optim.Optimizer]) -> dict[str, float]:
    """Returns nats per code, behind what was clean and behind what was neither clean nor noise alone."""
    level, weight = (part.to(device) for part in segment_levels(batch.is_code))
    batch = batch.to(device)
    losses = model.losses(batch.ids, batch.targets, level)
    wanted = batch.targets != NO_TARGET
    weight = weight * wanted
    (losses * weight).sum().div(weight.sum()).backward()
    for optimizer in optimizers:
        optimizer.step()
    model.zero_grad(set_to_none=True)
    parts = {"clean": wanted & (level == 0), "noisy": wanted & (level > 0) & (level < 1)}
    return {name: float(losses[part].sum() / part.sum().clamp(min=1)) for name, part in parts.items()}


def report(step: int, model: Denoiser, held_out: Batch, size: int) -> None:
    print(f"{step}  {json.dumps({name: round(value, 4) for name, value in evaluate(model, held_out, size).items()})}", flush=True)


@torch.no_grad()
def evaluate(model: Denoiser, held_out: Batch, size: int) -> dict[str, float]:
    """Nats per code: on clean sequences, and behind an input of each range of levels, over windows at three places. `size` sequences at a time."""
    torch.manual_seed(123)
    codes = int(held_out.is_code.sum(dim=1).max())
    sums = {name: [0.0, 0] for name in ("clean", *EDGES[1:])}

    def add(name: str | float, losses: Tensor, here: Tensor) -> None:
        sums[name][0] += float(losses[here].sum())
        sums[name][1] += int(here.sum())

    for start in (None, *STARTS):
        for batch in held_out.split(size):
            level = torch.zeros_like(batch.ids, dtype=torch.float32) if start is None else staircase(batch.is_code, start * codes, WIDTH * codes)
            losses, wanted = model.losses(batch.ids, batch.targets, level), batch.targets != NO_TARGET
            if start is None:
                add("clean", losses, wanted)
                continue
            for low, high in zip(EDGES, EDGES[1:]):
                add(high, losses, wanted & (level > low) & (level <= high))
    return {name if name == "clean" else f"<={name:g}": total / max(1, count) for name, (total, count) in sums.items()}


def staircase(codes: Tensor, start: float, length: float) -> Tensor:
    """Levels of a window that begins behind `start` codes and is `length` wide, for figures that can be compared."""
    place = codes.cumsum(dim=1) - 1
    return ((place - start + 1) / length).clamp(0, 1) * codes


def next_command(options: argparse.Namespace) -> str:
    given = [f"--{name} {value}" for name in ("family", "vq", "size") if (value := getattr(options, name)) is not None]
    out = f"--out onnx-models/{options.name} --precision int8"
    return " ".join(["python3 export/export.py --checkpoint", str(options.out), *given, out])


if __name__ == "__main__":
    sys.exit(main())
