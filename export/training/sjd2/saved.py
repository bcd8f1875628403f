"""The saved state of a fine-tuning run. A run resumes from it only with the same options and the same file contents."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from sjdexport.checkpoint import SMALL, Checkpoint, open_checkpoint
from sjdexport.errors import ExportError
from sjdexport.safetensors import read_header
from sjdexport.tensors import Tensor

from .. import checkpoints
from ..optimizers import Optimizers
from .sequences import IDS

CHOICES = ("recipe", "schedule", "levels", "optimizer", "family", "size")
FILES = ("checkpoint", "vq", "tokens")  # they may be renamed


def begun_with(options: argparse.Namespace, family: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """The options that must not change when a run resumes. Files are compared by their digests; their names are for messages."""
    files = {name: getattr(options, name) for name in FILES}
    return {
        **{name: getattr(options, name) for name in CHOICES}, "family": family,
        **{name: path and path.resolve().name for name, path in files.items()},
        "digests": {"checkpoint": digest_weights(checkpoint), "vq": options.vq and digest_weights(open_checkpoint(options.vq)),
                    "tokens": options.tokens and digest_ids(options.tokens)},
    }


def digest_weights(checkpoint: Checkpoint) -> str:
    """SHA-256 of all tensors' names, types and shapes, and of their values.

    Of large tensors only the first row is read, because all rows would take too long.
    """
    return hashlib.sha256(b"".join(sorted(_digest(checkpoint[name]) for name in checkpoint.names()))).hexdigest()


def _digest(tensor: Tensor) -> bytes:
    sample = b"" if tensor.bytes == 0 else (tensor if tensor.bytes <= SMALL else tensor.rows(0, 1)).raw().tobytes()
    return hashlib.sha256(f"{tensor.name} {tensor.dtype} {tensor.shape}".encode() + sample).digest()


def digest_ids(path: Path) -> str:
    """SHA-256 of the ids in a file."""
    ids = read_header(path)[IDS]
    digest = hashlib.sha256(f"{ids.shape}".encode())
    digest.update(ids.raw())  # memory-mapped, so the file may be larger than memory
    return digest.hexdigest()


def load(path: Path, begun: Mapping[str, Any], steps: int) -> dict[str, Any] | None:
    """The saved state, or None if there is none.

    Raises ExportError if the file cannot be read, if the run began with other options, or if it has done more than `steps` steps.
    """
    try:
        saved = checkpoints.load(path)
    except Exception as error:  # a damaged pickle can raise anything
        raise ExportError(f"{path} cannot be read ({_reason(error)}): remove it to start again, or give another --name.") from None
    if saved is None:
        return None
    expected = {"step", "model", "optimizers", *begun}
    if not isinstance(saved, dict) or not expected <= saved.keys():
        missing = min(expected - saved.keys()) if isinstance(saved, dict) else "everything"
        raise ExportError(f"{path} is not the state of a run ({missing} is missing): remove it to start again, or give another --name.")
    for name in (*CHOICES, *FILES):
        was, now = saved[name], begun[name]
        if name in FILES and None not in (was, now):
            if saved["digests"][name] != begun["digests"][name]:
                raise ExportError(
                    f"{path} was trained with --{name} {was}, and the content of --{name} {now} is different: give the original "
                    "file, or another --name.")
        elif was != now:
            was, now = (f"no --{name}" if value is None else f"--{name} {value}" for value in (was, now))
            raise ExportError(f"{path} was trained with {was}, and this command has {now}: give the original option, or another --name.")
    if saved["step"] > steps:
        raise ExportError(f"--steps is {steps}, and {path} has already done {saved['step']}: give a larger number, or another --name.")
    return saved


def restore(path: Path, saved: Mapping[str, Any], model: nn.Module, optimizers: Optimizers) -> None:
    """Loads the saved state into the model and its optimizers. Raises ExportError if they have other tensors."""
    here, there = model.state_dict(), saved["model"]
    shapes = [{name: values.shape for name, values in state.items()} for state in (here, there)]
    names = [name for name in sorted(here.keys() | there.keys()) if shapes[0].get(name) != shapes[1].get(name)]
    groups = [[each["param_groups"][0]["params"] for each in states] for states in (saved["optimizers"], optimizers.state_dict())]
    if names or groups[0] != groups[1]:
        differing = names[0] if names else "the optimizer"
        raise ExportError(f"{path} does not fit this model ({differing} differs): remove it to start again, or give another --name.")
    model.load_state_dict(there)
    optimizers.load_state_dict(saved["optimizers"])


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).split("\n")[0].rstrip(".") or type(error).__name__
