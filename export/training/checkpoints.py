"""Checkpoints of training runs. A checkpoint file is replaced as a whole or stays as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

CHECKPOINTS = Path(__file__).parent / "checkpoints"  # ignored by git


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint. Raises OSError, with the path as its filename, if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            target = Target(file)
            torch.save(state, target)
            if target.error is not None:
                raise target.error
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = str(path)
        raise


class Target:
    """A file for torch.save that remembers the first error and ignores later writes: PyTorch's writer aborts the process on an error."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            if self.error is None:
                self.file.write(data)
        except OSError as error:
            self.error = error
        return len(data)

    def flush(self) -> None:
        """Does nothing; `save` flushes at the end."""


def load(path: Path, device: str = "cpu") -> dict[str, Any] | None:
    """The saved state, or None if there is no such file."""
    return torch.load(path, map_location=device) if path.exists() else None
