"""PyTorch's own files (.pt, .pth, .bin, .ckpt), read with PyTorch, which loads only tensors from them."""

from __future__ import annotations

import argparse
import functools
import inspect
import json
import logging
import pickle
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .errors import ExportError
from .tensors import Computed, Tensor

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
WRAPPERS = ("model", "module", "state_dict")  # keys under which trainers store the tensors
SMALL = 1 << 20  # bytes; tensors up to this size, such as norms and biases, stay in memory
SAFE_SINCE = (2, 6)  # in earlier versions, a file could bypass weights_only (CVE-2025-32434)


def read_torch(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises ExportError if PyTorch is missing or the file contains something else."""
    try:
        import torch
    except ImportError:
        raise ExportError(
            f"{path} is a PyTorch file, and PyTorch is not installed: run pip install torch (Debian: apt-get install python3-torch), "
            "or give the weights as *.safetensors."
        ) from None
    if "weights_only" not in inspect.signature(torch.load).parameters:
        raise ExportError(
            f"{path} needs a PyTorch that can load only tensors, and {torch.__version__} cannot: install 1.13 or later, preferably 2.6.")
    _warn_of_old(str(torch.__version__))
    if hasattr(torch.serialization, "add_safe_globals"):
        torch.serialization.add_safe_globals([argparse.Namespace])  # trainers store their arguments beside the weights
    file = TorchFile(torch, path)
    tensors = {name: _tensor(torch, file, name, value) for name, value in file.state().items()}
    if not tensors:
        raise ExportError(f"{path} has no named tensors; expected a state dict, at the top level or under {', '.join(WRAPPERS)}.")
    return tensors


@functools.cache
def _warn_of_old(version: str) -> None:
    """Cached, so that the warning appears once."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and tuple(map(int, numbers.groups())) < SAFE_SINCE:
        logging.getLogger(__name__).warning(
            f"export: PyTorch {version} is older than {'.'.join(map(str, SAFE_SINCE))}, so a malicious file can run code when it is read "
            "(CVE-2025-32434): read only files from sources that you trust, or update PyTorch.")


class TorchFile:
    """The tensors of a file. Of files that cannot be memory-mapped, only the one that was read last is in memory."""

    held: ClassVar[TorchFile | None] = None

    def __init__(self, torch: object, path: Path) -> None:
        self._torch, self.path = torch, path
        self._state: Mapping[str, torch.Tensor] | None = None

    def state(self) -> Mapping[str, torch.Tensor]:
        """The tensors by name. The file is read unless it is in memory."""
        if self._state is None:
            if TorchFile.held is not None:
                TorchFile.held._state = None
                TorchFile.held = None
            content, mapped = self._load()
            while isinstance(content, Mapping) and (
                wrapper := next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)):
                content = content[wrapper]
            content = content if isinstance(content, Mapping) else {}
            self._state = {name: value for name, value in content.items() if isinstance(value, self._torch.Tensor)}
            if not mapped:
                TorchFile.held = self
        return self._state

    def _load(self) -> tuple[object, bool]:
        """The content of the file, and whether it is memory-mapped, which depends on the version of PyTorch and the format of the file."""
        options = {"map_location": "cpu", "weights_only": True}
        can_map = "mmap" in inspect.signature(self._torch.load).parameters
        for mapped in (True, False) if can_map else (False,):
            try:
                return self._torch.load(self.path, **options, **({"mmap": True} if mapped else {})), mapped
            except pickle.UnpicklingError:
                alone = self.path.with_name(f"{self.path.stem}.tensors{self.path.suffix}")
                raise ExportError(
                    f"{self.path} contains more than tensors, or is not a PyTorch file; it is not loaded, because that could run code: "
                    f"if you trust its source, run {_command(self.path, alone)} and give {alone.name} instead."
                ) from None
            except OSError:
                raise
            except Exception as error:  # a damaged pickle can raise anything
                reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise ExportError(f"{self.path} is not a complete PyTorch file ({reason}): download it again.")


def _command(path: Path, alone: Path) -> str:
    """A shell command that saves only the tensors of a file."""
    state = " or ".join([*(f"d.get({json.dumps(wrapper)})" for wrapper in WRAPPERS), "d"])
    code = (f"import torch; d = torch.load({json.dumps(str(path))}, map_location={json.dumps('cpu')}, weights_only=False); "
            f"torch.save({{k: v for k, v in ({state}).items() if torch.is_tensor(v)}}, {json.dumps(str(alone))})")
    return f"python3 -c {shlex.quote(code)}"


def _tensor(torch: object, file: TorchFile, name: str, value: torch.Tensor) -> Tensor:
    types = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
             torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
    dtype = types.get(value.dtype)
    if dtype is None:
        raise ExportError(f"{file.path}: {name} has the type {value.dtype}; expected {', '.join(types.values())}.")

    def plain(value: torch.Tensor) -> np.ndarray:
        value = value.detach().contiguous()
        return value.view(torch.int16).numpy().view(np.uint16) if dtype == "BF16" else value.numpy()

    if value.numel() * value.element_size() <= SMALL:
        small = plain(value).copy()
        return Computed(name, tuple(value.shape), lambda: small, dtype)
    return Computed(name, tuple(value.shape), lambda: plain(file.state()[name]), dtype)
