"""A checkpoint: tensors by name, whichever files they lie in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .errors import ExportError
from .safetensors import read_header
from .tensors import Tensor
from .torch_files import SUFFIXES, read_torch

SMALL = 1 << 20  # bytes; tensors up to this are looked through here, larger ones when they are written
META_FILES = "consolidated*.pth"


class Checkpoint:
    """The tensors of a checkpoint, whichever of its files holds them."""

    def __init__(self, folder: Path, files: Sequence[Path] | None = None) -> None:
        """All weights of a folder, or the given files of it. Raises ExportError where there is none or one cannot be read."""
        self.folder = folder
        self.files = list(files) if files is not None else _weight_files(folder)
        self._tensors: dict[str, Tensor] = {}
        self._homes: dict[str, Path] = {}
        for path in self.files:
            for name, tensor in (read_header(path) if path.suffix == ".safetensors" else read_torch(path)).items():
                if name in self._homes:
                    raise ExportError(f"{name} is both in {self._homes[name].name} and in {path.name}: leave one of the two in {folder}.")
                self._tensors[name], self._homes[name] = tensor, path

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        """The tensor of that name, whatever its shape and type."""
        return self._tensors[name]

    def names(self) -> list[str]:
        return list(self._tensors)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the tensor of that name, if there is one."""
        return self._tensors[name].shape if name in self._tensors else None

    def tensor(self, name: str, *shape: int | None) -> Tensor:
        """The tensor of that name. A shape's None stands for any size. Raises ExportError if it is missing or shaped otherwise."""
        expected = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
        tensor = self._tensors.get(name)
        if tensor is None:
            raise ExportError(
                f"{self.folder} has no tensor {name} (expected shape {expected}): the checkpoint is incomplete or of another family."
            )
        if len(tensor.shape) != len(shape) or 0 in tensor.shape or any(n not in (None, m) for n, m in zip(shape, tensor.shape)):
            raise ExportError(
                f"{self._homes[name]}: {name} has shape {list(tensor.shape)} where {expected} was expected: "
                "this file and the model's others do not belong together."
            )
        if tensor.dtype not in ("F32", "F16", "BF16"):
            raise ExportError(f"{self._homes[name]}: {name} has type {tensor.dtype}; weights must be F32, F16 or BF16.")
        if tensor.bytes <= SMALL:
            tensor.check()
        return tensor


def open_checkpoint(path: Path) -> Checkpoint:
    """A folder of weights or a single file, safetensors or PyTorch's. Raises ExportError if it is neither."""
    if path.is_dir():
        return Checkpoint(path)
    if path.is_file() and path.suffix in (".safetensors", *SUFFIXES):
        return Checkpoint(path.parent, [path])
    if path.is_file():
        raise ExportError(f"{path} is not a file of weights; expected .safetensors, {', '.join(SUFFIXES)}.")
    raise ExportError(f"{path} does not exist: give the folder that holds the weights, or their file.")


def _weight_files(folder: Path) -> list[Path]:
    """safetensors before PyTorch's files, where a folder has the same weights twice."""
    for pattern in ("*.safetensors", "pytorch_model*.bin", META_FILES, *(f"*{suffix}" for suffix in SUFFIXES)):
        if files := sorted(folder.glob(pattern)):
            if len(files) > 1 and pattern == META_FILES:  # each with a slice of every tensor
                raise ExportError(
                    f"{folder} has {files[0].name} to {files[-1].name}, parts that Meta's models run side by side, which cannot be read: "
                    "give the folder of Hugging Face's conversion."
                )
            _check_shards(folder, {file.name for file in files})
            return files
    raise ExportError(f"{folder} has no *.safetensors file (nor {', '.join(SUFFIXES)}): give --checkpoint the folder that holds the weights.")


def _check_shards(folder: Path, present: set[str]) -> None:
    """The index beside a sharded checkpoint names every file of it."""
    for index in folder.glob("*.index.json"):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            named = {None}
        if not all(isinstance(file, str) for file in named):
            raise ExportError(f"{index} is not an index of weights: it should name a file for each tensor under weight_map.") from None
        if named & present and (missing := named - present):
            raise ExportError(f"{folder} lacks {min(missing)}, which {index.name} names: fetch the checkpoint again.")
