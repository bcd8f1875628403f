"""What a run of fine-tuning saves to go on from, and whether it may: with the same choices, on the same contents."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import progress
from sequences import IDS
from sjdexport.checkpoint import SMALL, Checkpoint, open_checkpoint
from sjdexport.errors import ExportError
from sjdexport.safetensors import read_header
from sjdexport.tensors import Tensor

CHOICES = ("schedule", "levels", "optimizer", "family", "size")
FILES = ("checkpoint", "vq", "tokens")  # which may be renamed


def begun_with(options: argparse.Namespace, family: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """What a run has to be resumed with. Of files, names are for people, and digests are compared."""
    files = {name: getattr(options, name) for name in FILES}
    return {
        **{name: getattr(options, name) for name in CHOICES}, "family": family,
        **{name: path and path.resolve().name for name, path in files.items()},
        "digests": {"checkpoint": digest_weights(checkpoint), "vq": options.vq and digest_weights(open_checkpoint(options.vq)),
                    "tokens": options.tokens and digest_ids(options.tokens)},
    }


def digest_weights(checkpoint: Checkpoint) -> str:
    """SHA-256 of all tensors' names, types and shapes, of what is in small ones, and of the first row of large ones, which would take too long whole."""
    return hashlib.sha256(b"".join(sorted(_digest(checkpoint[name]) for name in checkpoint.names()))).hexdigest()


def _digest(tensor: Tensor) -> bytes:
    sample = b"" if tensor.bytes == 0 else (tensor if tensor.bytes <= SMALL else tensor.rows(0, 1)).raw().tobytes()
    return hashlib.sha256(f"{tensor.name} {tensor.dtype} {tensor.shape}".encode() + sample).digest()


def digest_ids(path: Path) -> str:
    """SHA-256 of a file's ids."""
    ids = read_header(path)[IDS]
    digest = hashlib.sha256(f"{ids.shape}".encode())
    digest.update(ids.raw())  # mapped, so it need not fit into memory
    return digest.hexdigest()


def load(path: Path, begun: Mapping[str, Any], steps: int) -> dict[str, Any] | None:
    """What was saved; None if nothing was. Raises ExportError where that cannot be read, or began with something else, or did more steps than are wanted."""
    try:
        saved = progress.load(path)
    except Exception as error:  # of many kinds: a damaged pickle is a program that may do anything wrong
        raise ExportError(f"{path} cannot be read ({_reason(error)}): remove it, to begin anew, or give another --name.") from None
    if saved is None:
        return None
    expected = {"step", "model", "optimizers", *begun}
    if not isinstance(saved, dict) or not expected <= saved.keys():
        lacking = min(expected - saved.keys()) if isinstance(saved, dict) else "all"
        raise ExportError(f"{path} lacks {lacking} of what a run saves: remove it, to begin anew, or give another --name.")
    for name in (*CHOICES, *FILES):
        was, now = saved[name], begun[name]
        if name in FILES and None not in (was, now):
            if saved["digests"][name] != begun["digests"][name]:
                raise ExportError(
                    f"{path} was trained with --{name} {was}, and what --{name} {now} has in it now is not the same: give what it was trained with, or another --name.")
        elif was != now:
            was, now = (f"no --{name}" if value is None else f"--{name} {value}" for value in (was, now))
            raise ExportError(f"{path} was trained with {was}, and now there is {now}: give what it was trained with, or another --name.")
    if saved["step"] > steps:
        raise ExportError(f"--steps is {steps}, and {path} has done {saved['step']}: give more steps, or another --name.")
    return saved


def restore(path: Path, saved: Mapping[str, Any], model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """Raises ExportError where this model's tensors are others than those that were saved."""
    here, there = model.state_dict(), saved["model"]
    names = [name for name in sorted(here.keys() | there.keys()) if name not in here or name not in there or here[name].shape != there[name].shape]
    groups = [[each["param_groups"][0]["params"] for each in states] for states in (saved["optimizers"], [optimizer.state_dict() for optimizer in optimizers])]
    if names or groups[0] != groups[1]:
        raise ExportError(f"{path} does not fit this model (another {names[0] if names else 'optimizer'}): remove it, to begin anew, or give another --name.")
    model.load_state_dict(there)
    for optimizer, state in zip(optimizers, saved["optimizers"]):
        optimizer.load_state_dict(state)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).split("\n")[0].rstrip(".") or type(error).__name__
