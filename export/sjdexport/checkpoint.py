"""A checkpoint: tensors by name, from one file or several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .errors import ExportError
from .safetensors import read_header
from .tensors import Tensor
from .torch_files import SUFFIXES, read_torch

SMALL = 1 << 20  # bytes; the values of tensors up to this size are checked here, those of larger ones when they are written
META_FILES = "consolidated*.pth"


class Checkpoint:
    """The tensors of all files of a checkpoint."""

    def __init__(self, folder: Path, files: Sequence[Path] | None = None) -> None:
        """Reads all weights of a folder, or the given files of it. Raises ExportError if there are none or one cannot be read."""
        self.folder = folder
        self.files = list(files) if files is not None else _weight_files(folder)
        self._tensors: dict[str, Tensor] = {}
        self._homes: dict[str, Path] = {}
        for path in self.files:
            for name, tensor in (read_header(path) if path.suffix == ".safetensors" else read_torch(path)).items():
                if name in self._homes:
                    raise ExportError(
                        f"{name} is in both {self._homes[name].name} and {path.name}: remove one of the two files from {folder}.")
                self._tensors[name], self._homes[name] = tensor, path

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of that name, with any shape and type. Raises KeyError if there is none."""
        return self._tensors[name]

    def names(self) -> list[str]:
        return list(self._tensors)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the tensor of that name, or None if there is none."""
        return self._tensors[name].shape if name in self._tensors else None

    def tensor(self, name: str, *shape: int | None) -> Tensor:
        """The tensor of that name. None in the shape stands for any size.

        Raises ExportError if the tensor is missing, or has another shape, a type that is no float, or (for small ones) values that are not
        finite.
        """
        expected = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
        tensor = self._tensors.get(name)
        if tensor is None:
            raise ExportError(
                f"{self.folder} has no tensor {name} (expected shape {expected}): the checkpoint is incomplete or belongs to "
                "another family."
            )
        if len(tensor.shape) != len(shape) or 0 in tensor.shape or any(n not in (None, m) for n, m in zip(shape, tensor.shape)):
            raise ExportError(
                f"{self._homes[name]}: {name} has the shape {list(tensor.shape)}; expected {expected}: "
                "this file and the others are not from the same model."
            )
        if tensor.dtype not in ("F32", "F16", "BF16"):
            raise ExportError(f"{self._homes[name]}: {name} has the type {tensor.dtype}; expected F32, F16 or BF16.")
        if tensor.bytes <= SMALL:
            tensor.check()
        return tensor


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a folder of weights or a single file, in safetensors or PyTorch's format. Raises ExportError if it is neither."""
    if path.is_dir():
        return Checkpoint(path)
    if path.is_file() and path.suffix in (".safetensors", *SUFFIXES):
        return Checkpoint(path.parent, [path])
    if path.is_file():
        raise ExportError(f"{path} is not a file of weights; expected .safetensors, {', '.join(SUFFIXES)}.")
    raise ExportError(f"{path} does not exist: give the folder with the weights, or a file of weights.")


def _weight_files(folder: Path) -> list[Path]:
    """The files to read. Safetensors take precedence over PyTorch's files, because some folders have the same weights in both forms."""
    for pattern in ("*.safetensors", "pytorch_model*.bin", META_FILES, *(f"*{suffix}" for suffix in SUFFIXES)):
        if files := sorted(folder.glob(pattern)):
            if len(files) > 1 and pattern == META_FILES:  # each has a slice of every tensor
                raise ExportError(
                    f"{folder} has {files[0].name} to {files[-1].name}, the parts of a model-parallel checkpoint, which cannot be "
                    "exported: "
                    "give the folder of Hugging Face's conversion."
                )
            _check_shards(folder, {file.name for file in files})
            return files
    raise ExportError(f"{folder} has no *.safetensors file (nor {', '.join(SUFFIXES)}): give the folder with the weights as --checkpoint.")


def _check_shards(folder: Path, present: set[str]) -> None:
    """Raises ExportError if a file is missing that the index of a sharded checkpoint names."""
    for index in folder.glob("*.index.json"):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            named = {None}
        if not all(isinstance(file, str) for file in named):
            raise ExportError(f"{index} is not an index of weights; expected a file for each tensor under weight_map.")
        if named & present and (missing := named - present):
            raise ExportError(f"{folder} has no {min(missing)}, which {index.name} names: download the checkpoint again.")
