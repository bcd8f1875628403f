"""A checkpoint with what was trained in it, in the form in which export.py reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model import Denoiser
from noise import Schedule
from sjdexport.denoising import PREFIX
from sjdexport.errors import ExportError
from sjdexport.families import Given
from sjdexport.families.given import read_json
from sjdexport.safetensors import write_safetensors
from sjdexport.torch_files import SUFFIXES

INTERVALS = 24  # of the schedule's table: 1, 2, 3, 4, 6, 8, 12 and 24 denoising steps meet its entries
GENERATION = "generation.json"


def weights_file(given: Given, folder: Path) -> Path:
    """Where the weights will be: one file is written, and keeps its name where there was one, which may tell the size of pictures.

    Raises ExportError where the folder is the checkpoint's or holds other weights, beside which these could not be read.
    """
    files = given.checkpoint.files
    path = folder / (f"{files[0].stem}.safetensors" if len(files) == 1 else "checkpoint.safetensors")
    if folder.resolve() == given.folder.resolve():
        raise ExportError(f"--out is {folder}, the folder of the checkpoint itself, which stays as it is: give another.")
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"--out is {folder}, a file: give a folder.")
    others = [file.name for file in folder.glob("*") if file.suffix in (".safetensors", *SUFFIXES) and file != path] if folder.exists() else []
    if others:
        raise ExportError(f"--out is {folder}, which holds other weights ({min(others)}): give another folder, or clear this one.")
    return path


def write_checkpoint(folder: Path, given: Given, is_folder: bool, model: Denoiser, decoding: Mapping[str, Any], steps: int) -> None:
    """Every tensor of the checkpoint under its name and in its type, those that were trained replaced, and denoising.*; and the documents beside them.

    `given` tells which documents were read, by a family that was asked for its generation(). `decoding` is generation.json's section, `steps` the number of
    denoising steps that its section denoising gets. `is_folder` tells whether the checkpoint was given as a folder, so that the generation.json in it is its
    own. Memory is bounded by the largest tensor.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in given.read:
        if source.is_file() and source.is_relative_to(given.folder):  # a tokenizer may lie beside --vq, which is given again
            target = folder / source.relative_to(given.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
    path = given.folder / GENERATION
    sections = read_json(path) if is_folder and path.exists() else {}
    sections = {**sections, "decoding": dict(decoding), "denoising": denoising(model.schedule, steps)}
    (folder / GENERATION).write_text(json.dumps(sections, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    checkpoint = given.checkpoint
    stored = {name: model.transformer.stored(checkpoint[name]) for name in checkpoint.names()}
    added = {name: values for name, values in model.state_dict().items() if not name.startswith("transformer.")}
    write_safetensors(weights_file(given, folder), stored | {PREFIX + name: values.float().cpu().numpy() for name, values in added.items()})


def denoising(schedule: Schedule, steps: int) -> dict[str, Any]:
    """generation.json's section."""
    level = torch.linspace(0, 1, INTERVALS + 1, dtype=torch.float64)
    # cos(pi / 2) is 6e-17; a schedule ends in noise alone.
    alpha, sigma = ([round(float(value), 6) for value in values] for values in (schedule.alpha(level), schedule.sigma(level)))
    return {"steps": steps, "alpha": alpha, "sigma": sigma}
