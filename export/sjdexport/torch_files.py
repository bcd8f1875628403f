"""PyTorch's own files (.pt, .pth, .bin, .ckpt), through PyTorch, which loads nothing from them but tensors."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import ExportError
from .tensors import Computed, Tensor

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
WRAPPERS = ("model", "module", "state_dict")  # keys under which trainers put the tensors


def read_torch(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises ExportError where PyTorch is missing or the file holds something else."""
    try:
        import torch
    except ImportError:
        raise ExportError(
            f"{path} is a PyTorch file, and PyTorch is not installed: run pip install torch (Debian: apt-get install python3-torch), "
            "or give the weights as *.safetensors."
        ) from None
    content = _load(torch, path)
    while isinstance(content, Mapping) and (wrapper := next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)):
        content = content[wrapper]
    tensors = {name: _tensor(torch, name, value) for name, value in content.items() if isinstance(value, torch.Tensor)} \
        if isinstance(content, Mapping) else {}
    if not tensors:
        raise ExportError(f"{path} holds no tensors by name: expected a state dict, alone or under {', '.join(WRAPPERS)}.")
    return tensors


def _load(torch: object, path: Path) -> object:
    """Mapped into memory where this PyTorch and this file's format can, so that only what is looked at is read."""
    options = {"map_location": "cpu", "weights_only": True}
    ways = [options]
    if "mmap" in inspect.signature(torch.load).parameters:
        ways.insert(0, {**options, "mmap": True})
    for way in ways:
        try:
            return torch.load(path, **way)
        except pickle.UnpicklingError:
            raise ExportError(
                f"{path} holds more than tensors, or is no PyTorch file; what else is in it could run code, so it is not loaded: "
                "save its state dict alone, or as *.safetensors."
            ) from None
        except (RuntimeError, EOFError, ValueError) as error:
            reason = str(error).split("\n")[0].rstrip(".")
    raise ExportError(f"{path} is not a whole PyTorch file ({reason}); fetch it again.")


def _tensor(torch: object, name: str, value: torch.Tensor) -> Tensor:
    types = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
             torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
    dtype = types.get(value.dtype)
    if dtype is None:
        raise ExportError(f"{name} has the type {value.dtype}; known are {', '.join(types.values())}.")

    def values() -> np.ndarray:
        plain = value.detach().contiguous()
        return plain.view(torch.int16).numpy().view(np.uint16) if dtype == "BF16" else plain.numpy()

    return Computed(name, tuple(value.shape), values, dtype)
