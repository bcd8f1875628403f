"""Safetensors files, read by memory map: only what is looked at is loaded, and a header is believed only after checks.

Format: a little-endian uint64 with the header's length, a JSON header that gives each tensor's type, shape and byte range,
then the bytes of all tensors.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from .errors import ExportError

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
NUMPY_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"
}
MAX_HEADER_BYTES = 100_000_000  # the format's own limit


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its place, and its values when asked for."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    offset: int  # bytes from the start of the file

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]

    def rows(self, first: int, count: int) -> Tensor:
        """The tensor made of `count` rows from `first` on: the same bytes, seen through a narrower window."""
        row = self.bytes // self.shape[0]
        return dataclasses.replace(self, shape=(count, *self.shape[1:]), offset=self.offset + first * row)

    def raw(self) -> np.ndarray:
        """The values as stored, mapped read-only; BF16 as its uint16 bits."""
        return np.memmap(self.path, NUMPY_TYPES[self.dtype], mode="r", offset=self.offset, shape=self.shape)

    def float32(self) -> np.ndarray:
        """The values as float32, in memory."""
        raw = np.asarray(self.raw())
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32)


def read_header(path: Path) -> dict[str, Tensor]:
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


def _entry(path: Path, name: str, value: object, data: int, size: int) -> Tensor:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        whole = all(isinstance(n, int) and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole:
        raise ExportError(f"{path}: the header's entry for {name} is malformed; fetch the file again.")
    if dtype not in ITEM_BYTES:
        raise ExportError(f"{path}: {name} has the unknown type {dtype}; known are {', '.join(ITEM_BYTES)}.")
    tensor = Tensor(name, dtype, shape, path, data + begin)
    if end - begin != tensor.bytes:
        raise ExportError(
            f"{path}: {name} is {dtype}{list(shape)}, which takes {tensor.bytes} bytes, but its header entry spans {end - begin}; "
            "fetch the file again."
        )
    if data + end > size:
        raise ExportError(f"{path} is truncated: {name} should end at byte {data + end} and the file has {size}; fetch it again.")
    return tensor


def _check_overlap(path: Path, tensors: Iterable[Tensor]) -> None:
    end = 0
    for tensor in sorted((t for t in tensors if t.bytes), key=lambda t: t.offset):
        if tensor.offset < end:
            raise ExportError(f"{path}: {tensor.name} overlaps the tensor before it, so the header is wrong; fetch the file again.")
        end = tensor.offset + tensor.bytes


class Checkpoint:
    """The tensors of a checkpoint folder, whichever of its *.safetensors files holds them."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise ExportError(f"{folder} has no *.safetensors file: give --checkpoint the folder that holds the weights.")
        self.folder = folder
        self.files = files
        self._tensors: dict[str, Tensor] = {}
        for path in files:
            for name, tensor in read_header(path).items():
                if name in self._tensors:
                    raise ExportError(f"{name} is both in {self._tensors[name].path.name} and in {path.name}: leave one of the two in {folder}.")
                self._tensors[name] = tensor

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

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
