"""Writes the trained model as a checkpoint that export.py reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sjdexport.denoising import PREFIX, TOKEN
from sjdexport.errors import ExportError
from sjdexport.families import Given
from sjdexport.families.given import read_json
from sjdexport.safetensors import write_safetensors
from sjdexport.torch_files import SUFFIXES

from .model import Denoiser
from .noise import KARRAS_STEPS, Schedule

INTERVALS = 24  # in a schedule's table, so that 1, 2, 3, 4, 6, 8, 12 and 24 denoising steps fall on its entries
GENERATION = "generation.json"


def weights_file(given: Given, folder: Path) -> Path:
    """The file that the weights will be written to. A single file keeps its name, because LlamaGen's names contain the size of the
    pictures.

    Raises ExportError if the folder is that of the checkpoint or contains other weights.
    """
    files = given.checkpoint.files
    path = folder / (f"{files[0].stem}.safetensors" if len(files) == 1 else "checkpoint.safetensors")
    if folder.resolve() == given.folder.resolve():
        raise ExportError(f"--out is {folder}, the folder of the checkpoint itself, which is not overwritten: give another folder.")
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"--out is {folder}, a file: give a folder.")
    others = [file.name for file in folder.glob("*") if file.suffix in (".safetensors", *SUFFIXES) and file != path]
    if others:
        raise ExportError(f"--out is {folder}, which contains other weights ({min(others)}): give another folder, or empty this one.")
    return path


def write_checkpoint(folder: Path, given: Given, is_folder: bool, model: Denoiser, decoding: Mapping[str, Any], steps: int) -> None:
    """Writes the weights and the documents beside them.

    Every tensor of the checkpoint keeps its name and type, trained ones have their new values, and `denoising.*` is added. The documents
    are those that `given` lists as read, so the family's generation() must have been called before. `decoding` is the section of
    generation.json, `steps` the number of denoising steps in its section `denoising`. `is_folder` says whether the checkpoint was given as
    a folder; only then its generation.json is read. Memory is bounded by the largest tensor.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in given.read:
        if source.is_file() and source.is_relative_to(given.folder):  # a tokenizer may be next to --vq, which the user gives again
            target = folder / source.relative_to(given.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
    path = given.folder / GENERATION
    sections = read_json(path) if is_folder and path.exists() else {}
    sections = {**sections, "decoding": dict(decoding), "denoising": denoising(model.schedule, model.tells, steps)}
    (folder / GENERATION).write_text(json.dumps(sections, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    checkpoint = given.checkpoint
    stored = {name: model.transformer.stored(checkpoint[name]) for name in checkpoint.names()}
    added = {name: values for name, values in model.state_dict().items() if not name.startswith("transformer.")}
    write_safetensors(weights_file(given, folder), stored | {PREFIX + name: values.float().cpu().numpy() for name, values in added.items()})


def denoising(schedule: Schedule, levels: str, steps: int) -> dict[str, Any]:
    """The section `denoising` of generation.json."""
    level = torch.linspace(0, 1, (KARRAS_STEPS if schedule.kind == "karras" else INTERVALS) + 1, dtype=torch.float64)
    # Rounded, because cos(pi / 2) is 6e-17 and a schedule must end at 0.
    alpha, sigma = ([round(float(value), 6) for value in values] for values in (schedule.alpha(level), schedule.sigma(level)))
    told = {"levels": levels} if levels == TOKEN else {}  # the weights show the others
    return {"steps": steps, **told, "alpha": alpha, "sigma": sigma}
