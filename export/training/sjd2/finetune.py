"""Fine-tunes a model to read noisy embeddings and still predict the next clean token, for SJD2 (arXiv 2510.08994).

    cd export
    python3 -m training.sjd2.finetune --steps 1200
    python3 -m training.sjd2.finetune --steps 1200 --recipe published --name sjd2-published
    python3 -m training.sjd2.finetune --checkpoint ~/anole-7b-hf --tokens ~/pictures.safetensors --steps 8000 --batch 8 --name anole-sjd2

Without --checkpoint it fine-tunes the built-in model on scenes of emoji. Any other model that export.py takes needs a file of token ids
(export/training/sjd2/README.md). It can be interrupted at any time: the same command resumes from the last save. It runs on a GPU if there
is one. At the end it writes a checkpoint folder, which export.py turns into a model folder. The recipe "own" trains for the decoding method
sjd2 and leaves --schedule and --levels open; "published" is the paper's, for sjd2-published. Use --name to keep runs with different choices
apart.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sjdexport.checkpoint import Checkpoint
from sjdexport.denoising import PREFIX
from sjdexport.errors import ExportError, exit_status
from sjdexport.exporter import open_family
from sjdexport.sections import merge

from .. import checkpoints
from ..optimizers import Optimizers
from ..progress import Progress
from ..vocabulary import NO_TARGET
from . import saved
from .model import Denoiser, SourceTransformer
from .noise import SCHEDULES, Schedule, published_levels, segment_levels
from .sequences import Batch, Scenes, Sequences, TokenFile
from .write_back import weights_file, write_checkpoint

EXPORT = Path(__file__).resolve().parents[2] / "export.py"
MODELS = EXPORT.parents[1] / "onnx-models"
BUILT_IN = MODELS / "emoji"
EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0)  # of the ranges of levels in the figures
STARTS = (0.125, 0.375, 0.625)  # where the windows of the evaluation start, as shares of a picture's codes
WIDTH = 0.25  # of such a window, as a share of a picture's codes
RECIPES = {
    "own": {"method": "sjd2", "schedule": "cosine", "levels": "added", "denoising_steps": 1, "window": 16},
    "published": {"method": "sjd2-published", "schedule": "karras", "levels": "token", "denoising_steps": 25, "window": 96},
}
LEVELS = {"own": segment_levels, "published": published_levels}  # of a batch in training, by recipe
RATES = {"muon": 0.006, "adamw": 2e-5}  # AdamW's is the paper's
WARM_UP, SAVE, EVALUATE = 50, 50, 200  # steps
WIDEST = 1024  # the widest window that the engine decodes with


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_status("finetune", lambda: run(options), "the same command resumes it")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="finetune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkpoint", type=Path, default=BUILT_IN, metavar="PATH", help="as export.py takes it (default: the built-in model's)")
    parser.add_argument("--family", help="as export.py takes it")
    parser.add_argument("--vq", type=Path, metavar="PATH", help="as export.py takes it")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="as export.py takes it")
    parser.add_argument(
        "--tokens", type=Path, metavar="FILE",
        help="safetensors file with ids, I32 [sequences, tokens] (default: scenes, for the built-in model)")
    parser.add_argument(
        "--steps", type=int, default=1200, help="total steps, including those before an interruption (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="sequences in a step (default: %(default)s)")
    parser.add_argument("--optimizer", choices=RATES, help="adamw, or muon, with AdamW for embedding, head and vectors "
                        "(default: adamw with --tokens, else muon)")
    parser.add_argument("--rate", type=float, help="highest rate of the optimizer (default: 0.006 for muon, 2e-5 for adamw)")
    parser.add_argument("--adam-rate", type=float, default=1e-3, help="with muon, highest rate of what AdamW trains (default: %(default)s)")
    parser.add_argument("--recipe", choices=RECIPES, default="own",
                        help="own: for the exact method sjd2; published: the paper's, for the lossy method sjd2-published "
                        "(default: %(default)s)")
    parser.add_argument("--schedule", choices=SCHEDULES, help="noise schedule of the recipe own (default: cosine)")
    parser.add_argument("--levels", choices=("added", "untold"),
                        help="with the recipe own, added: add a vector of its noise level to each embedding; untold: do not "
                        "(default: added)")
    parser.add_argument(
        "--denoising-steps", type=int, help="default number of denoising steps in decoding (default: 1; published: 25)")
    parser.add_argument("--window", type=int, help="default number of drafts in decoding (default: 16; published: 96)")
    parser.add_argument("--name", default="sjd2", help="name of the run's files in export/training/checkpoints (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="checkpoint folder to write at the end (default: export/training/checkpoints/NAME)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    options = parser.parse_args(arguments)
    options.out = options.out or checkpoints.CHECKPOINTS / options.name
    options.optimizer = options.optimizer or ("muon" if options.tokens is None else "adamw")
    options.rate = RATES[options.optimizer] if options.rate is None else options.rate
    for name in ("denoising_steps", "window"):
        if getattr(options, name) is None:
            setattr(options, name, RECIPES[options.recipe][name])
    return options


def run(options: argparse.Namespace) -> None:
    """Raises ExportError if the options or the files cannot be used."""
    check(options)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    given, family = open_family(options.family, options.checkpoint, options.vq, None, options.size)
    if noisy := [name for name in given.checkpoint.names() if name.startswith(PREFIX)]:
        raise ExportError(
            f"the checkpoint in {given.folder} has {min(noisy)}, so it is already fine-tuned for SJD2: give the checkpoint that it was "
            "made from."
        )
    weights_file(given, options.out)
    transformer = SourceTransformer(family, given.checkpoint)
    sections = merge(family.name, family.generation(), given.sections)
    first = sections["layout"]["firstCode"]
    sequences = open_sequences(options, given.checkpoint, range(first, first + transformer.shape.codes), transformer)
    model = Denoiser(transformer, first, Schedule(options.schedule), options.levels)
    train(model, sequences, options, saved.begun_with(options, family.name, given.checkpoint))
    decoding = {**sections["decoding"], "method": RECIPES[options.recipe]["method"], "window": options.window}
    try:
        write_checkpoint(options.out, given, options.checkpoint.is_dir(), model, decoding, options.denoising_steps)
    except OSError as error:
        error.filename = error.filename or str(options.out)  # the error of a full disk names no file
        raise
    print(f"{options.out}: done; export it with {export_command(options)}", flush=True)


def check(options: argparse.Namespace) -> None:
    """Raises ExportError if an option is out of range."""
    for name in ("steps", "batch", "denoising_steps", "window", "threads"):
        if getattr(options, name) < 1:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name)}; expected 1 or more.")
    for name in ("denoising_steps", "window"):
        if getattr(options, name) > WIDEST:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name)}; decoding allows at most {WIDEST}.")
    for name in ("schedule", "levels"):
        if getattr(options, name) is None:
            setattr(options, name, RECIPES[options.recipe][name])
        elif options.recipe != "own":
            raise ExportError(f"--{name} is {getattr(options, name)}, and the recipe {options.recipe} has its own: leave --{name} out.")
    for name in ("rate", "adam_rate"):
        if not 0 < getattr(options, name) < math.inf:
            raise ExportError(f"--{name.replace('_', '-')} is {getattr(options, name):g}; expected a number above 0.")
    if options.denoising_steps > options.window:
        raise ExportError(
            f"--denoising-steps is {options.denoising_steps} and --window {options.window}; each pass makes one denoising step, so "
            "the window must not be smaller.")
    if not options.name or Path(options.name).name != options.name:
        raise ExportError(f"--name is '{options.name}'; expected a file name.")


def open_sequences(options: argparse.Namespace, checkpoint: Checkpoint, codes: range, transformer: SourceTransformer) -> Sequences:
    if options.tokens is not None:
        return TokenFile(options.tokens, codes, transformer.vocabulary, transformer.shape.max_positions)
    if options.checkpoint.resolve() != BUILT_IN:
        raise ExportError("scenes to train on are only known for the built-in model: give a file of token ids with --tokens.")
    return Scenes(checkpoint)


def train(model: Denoiser, sequences: Sequences, options: argparse.Namespace, begun: Mapping[str, Any]) -> None:
    """Trains up to options.steps. Starts from the saved state of options.name, if there is one, and saves there."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    path = checkpoints.CHECKPOINTS / f"{options.name}.pt"
    state = saved.load(path, begun, options.steps)
    start = 0 if state is None else state["step"]
    model.to(device)
    optimizers = make_optimizers(model, options)
    if state is not None:
        saved.restore(path, state, model, optimizers)
        del state  # it takes as much memory as the model and its optimizers
    held_out = sequences.held_out().to(device)
    if start == 0:
        report(0, model, held_out, options.batch)
    line = Progress(options.steps)
    for step in range(start + 1, options.steps + 1):
        share = min(1.0, step / WARM_UP, (options.steps - step + 1) / (0.7 * options.steps))
        # Seeded by the step, so that a resumed run has the same numbers as one that was not interrupted.
        torch.manual_seed(1000 + step)
        batch = sequences.batch(np.random.default_rng([2, step]), options.batch)
        line.step(step, **take_step(model, batch, LEVELS[options.recipe], device, optimizers, share))
        if step % SAVE == 0 or step == options.steps:
            checkpoints.save(path, {"step": step, **begun, "model": model.state_dict(), "optimizers": optimizers.state_dict()})
        if step % EVALUATE == 0 or step == options.steps:
            report(step, model, held_out, options.batch)


def make_optimizers(model: Denoiser, options: argparse.Namespace) -> Optimizers:
    if options.optimizer == "muon":
        return Optimizers([model], model.transformer.matrices(), options.rate, options.adam_rate)
    return Optimizers([model], [], 0.0, options.rate)


def take_step(
    model: Denoiser, batch: Batch, levels: Callable[[Tensor], tuple[Tensor, Tensor]], device: torch.device, optimizers: Optimizers,
    share: float) -> dict[str, float]:
    """Makes one update at `share` of the full rates, with `levels` of the batch's codes.

    Returns the mean nats per code after clean tokens, and after noisy ones that are not only noise.
    """
    level, weight = (part.to(device) for part in levels(batch.is_code))
    batch = batch.to(device)
    losses = model.losses(batch.ids, batch.targets, level)
    wanted = batch.targets != NO_TARGET
    weight = weight * wanted
    (losses * weight).sum().div(weight.sum()).backward()
    optimizers.step(share)
    parts = {"clean": wanted & (level == 0), "noisy": wanted & (level > 0) & (level < 1)}
    return {name: float(losses[part].sum() / part.sum().clamp(min=1)) for name, part in parts.items()}


def report(step: int, model: Denoiser, held_out: Batch, size: int) -> None:
    print(f"{step}  {json.dumps({name: round(value, 4) for name, value in evaluate(model, held_out, size).items()})}", flush=True)


@torch.no_grad()
def evaluate(model: Denoiser, held_out: Batch, size: int) -> dict[str, float]:
    """Mean nats per code on held-out sequences: clean ones, and after inputs of each range of levels, in windows at three places.

    Reads `size` sequences at a time.
    """
    torch.manual_seed(123)
    codes = int(held_out.is_code.sum(dim=1).max())
    sums = {name: [0.0, 0] for name in ("clean", *EDGES[1:])}

    def add(name: str | float, losses: Tensor, here: Tensor) -> None:
        sums[name][0] += float(losses[here].sum())
        sums[name][1] += int(here.sum())

    for start in (None, *STARTS):
        for batch in held_out.split(size):
            level = torch.zeros_like(batch.ids, dtype=torch.float32) if start is None else staircase(
                batch.is_code, start * codes, WIDTH * codes)
            losses, wanted = model.losses(batch.ids, batch.targets, level), batch.targets != NO_TARGET
            if start is None:
                add("clean", losses, wanted)
                continue
            for low, high in zip(EDGES, EDGES[1:]):
                add(high, losses, wanted & (level > low) & (level <= high))
    return {name if name == "clean" else f"<={name:g}": total / max(1, count) for name, (total, count) in sums.items()}


def staircase(codes: Tensor, start: float, length: float) -> Tensor:
    """Levels [N, T] of a window that begins after `start` codes and rises over `length` codes. `codes` [N, T] marks image codes."""
    place = codes.cumsum(dim=1) - 1
    return ((place - start + 1) / length).clamp(0, 1) * codes


def export_command(options: argparse.Namespace) -> str:
    """The command that exports the result, for the current folder."""
    given = [f"--{name} {value}" for name in ("family", "vq", "size") if (value := getattr(options, name)) is not None]
    script, model = (os.path.relpath(path) for path in (EXPORT, MODELS / options.name))
    return " ".join([f"python3 {script} --checkpoint {options.out}", *given, f"--out {model} --precision int8"])


if __name__ == "__main__":
    sys.exit(main())
