"""Changes to the files of a tiny checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sjdexport.safetensors import read_header, write_safetensors

WEIGHTS = "checkpoint.safetensors"


def rewrite(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    """Changes the tensors of the weights."""
    tensors = {name: np.array(t.raw()) for name, t in read_header(folder / WEIGHTS).items()}
    change(tensors)
    write_safetensors(folder / WEIGHTS, tensors)


def rewrite_header(folder: Path, change: Callable[[dict], object]) -> None:
    """Changes the header of the weights, and leaves the tensors' bytes as they are."""
    data = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def edit(folder: Path, name: str, **fields: object) -> None:
    """Changes fields of a JSON file."""
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def truncate(folder: Path, bytes: int) -> None:
    """Cuts bytes off the end of the weights."""
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - bytes)
