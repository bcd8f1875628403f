"""Safetensors files, read by memory map: only what is looked at is loaded, and a header is believed only after checks.

Format: a little-endian uint64 with the header's length, a JSON header that gives each tensor's type, shape and byte range,
then the bytes of all tensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .errors import ExportError
from .tensors import ITEM_BYTES, Stored, Tensor
from .torch_files import SUFFIXES, read_torch

MAX_HEADER_BYTES = 100_000_000  # the format's own limit


def read_header(path: Path) -> dict[str, Stored]:
    """The tensors of a file by name. Raises ExportError where header and file cannot both be right."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise ExportError(
                f"{path} is not a whole safetensors file: its header should take {length} bytes and the file has {size}; fetch it again."
            )
        try:
            header = json.loads(file.read(length))
        except ValueError:
            header = None
    if not isinstance(header, dict):
        raise ExportError(f"{path} is not a safetensors file: its header is not a JSON object; fetch it again.")
    data = 8 + length
    tensors = {name: _entry(path, name, value, data, size) for name, value in header.items() if name != "__metadata__"}
    _check_overlap(path, tensors.values())
    return tensors


def _entry(path: Path, name: str, value: object, data: int, size: int) -> Stored:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        whole = all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole:
        raise ExportError(f"{path}: the header's entry for {name} is malformed; fetch the file again.")
    if dtype not in ITEM_BYTES:
        raise ExportError(f"{path}: {name} has the unknown type {dtype}; known are {', '.join(ITEM_BYTES)}.")
    tensor = Stored(name, dtype, shape, path, data + begin)
    if end - begin != tensor.bytes:
        raise ExportError(
            f"{path}: {name} is {dtype}{list(shape)}, which takes {tensor.bytes} bytes, but its header entry spans {end - begin}; "
            "fetch the file again."
        )
    if data + end > size:
        raise ExportError(f"{path} is truncated: {name} should end at byte {data + end} and the file has {size}; fetch it again.")
    return tensor


def _check_overlap(path: Path, tensors: Iterable[Stored]) -> None:
    end = 0
    for tensor in sorted((t for t in tensors if t.bytes), key=lambda t: t.offset):
        if tensor.offset < end:
            raise ExportError(f"{path}: {tensor.name} overlaps the tensor before it, so the header is wrong; fetch the file again.")
        end = tensor.offset + tensor.bytes


class Checkpoint:
    """The tensors of a checkpoint, whichever of its files holds them."""

    def __init__(self, folder: Path, files: Sequence[Path] | None = None) -> None:
        """All weights of a folder, or the given files of it. Raises ExportError where there is none or one cannot be read."""
        self.folder = folder
        self.files = list(files) if files is not None else _weight_files(folder)
        self._tensors: dict[str, Tensor] = {}
        homes: dict[str, Path] = {}
        for path in self.files:
            for name, tensor in (read_header(path) if path.suffix == ".safetensors" else read_torch(path)).items():
                if name in homes:
                    raise ExportError(f"{name} is both in {homes[name].name} and in {path.name}: leave one of the two in {folder}.")
                self._tensors[name], homes[name] = tensor, path

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

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
        if len(tensor.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, tensor.shape)):
            raise ExportError(
                f"{name} has shape {list(tensor.shape)} where {expected} was expected: checkpoint and config.json do not belong together."
            )
        if tensor.dtype not in ("F32", "F16", "BF16"):
            raise ExportError(f"{name} has type {tensor.dtype}; weights must be F32, F16 or BF16.")
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
    for pattern in ("*.safetensors", "pytorch_model*.bin", "consolidated*.pth", *(f"*{suffix}" for suffix in SUFFIXES)):
        if files := sorted(folder.glob(pattern)):
            _check_shards(folder, {file.name for file in files})
            return files
    raise ExportError(f"{folder} has no *.safetensors file (nor {', '.join(SUFFIXES)}): give --checkpoint the folder that holds the weights.")


def _check_shards(folder: Path, present: set[str]) -> None:
    """The index beside a sharded checkpoint names every file of it."""
    for index in folder.glob("*.index.json"):
        try:
            named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ExportError(f"{index} is not an index of weights: it should name a file for each tensor under weight_map.") from None
        if named & present and (missing := named - present):
            raise ExportError(f"{folder} lacks {min(missing)}, which {index.name} names: fetch the checkpoint again.")


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes float32 or float16 arrays. The file appears whole or not at all."""
    header, offset = {}, 0
    for name, array in tensors.items():
        dtype = {"float32": "F32", "float16": "F16"}[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # so that the first tensor starts at a cache line
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())
    os.replace(partial, path)
