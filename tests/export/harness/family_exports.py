"""The tiny checkpoint of every family by name, and its export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from . import family_checkpoints as checkpoints
from .exports import run_export
from .family_checkpoints import CODES, Written

SHUFFLED = np.random.default_rng(5).permutation(CODES).tolist()

WRITERS: dict[str, Callable[[Path], Written]] = {
    "lumina": lambda folder: checkpoints.chameleon(folder, lumina=True),
    "lumina 34b": lambda folder: checkpoints.chameleon(folder, lumina=True, swin=True, heads=8, norm_rows=4),
    "anole": lambda folder: checkpoints.chameleon(folder, norm_rows=4, order=SHUFFLED),
    "anole meta": lambda folder: checkpoints.chameleon(folder, meta=True, order=SHUFFLED),
    "chameleon 34b meta": lambda folder: checkpoints.chameleon(folder, meta=True, swin=True, norm_rows=4, heads=8),
    "emu3": checkpoints.emu3,
    "llamagen c2i": lambda folder: checkpoints.llamagen(folder, text=False),
    "llamagen t2i": lambda folder: checkpoints.llamagen(folder, text=True),
    "llamagen 3b": lambda folder: checkpoints.llamagen(folder, text=False, head_dim=100),
    "janus": lambda folder: checkpoints.janus(folder, port=False),
    "janus port": lambda folder: checkpoints.janus(folder, port=True),
    "lumina2": checkpoints.lumina2,
}


def export_family(name: str, written: Written, folder: Path, precisions: Sequence[str], pictures: Sequence[int] = ()) -> dict:
    """Exports the family's checkpoint into the folder; returns model.json."""
    if name == "llamagen 3b":
        in_blocks = ("int4", "int8-blocks", "int4-fp16", "int8-fp16")  # 200 inputs are not a multiple of 32
        precisions = [precision for precision in precisions if precision not in in_blocks]
    lists = ["--precision", ",".join(precisions), "--pictures", ",".join(map(str, pictures))]
    done = run_export(*written.arguments, "--out", folder, *lists)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "model.json").read_text())
