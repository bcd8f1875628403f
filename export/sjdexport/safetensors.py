"""Safetensors files. Tensors are memory-mapped, and headers are checked before use.

The format: a little-endian uint64 with the length of the header, a JSON header with type, shape and byte range of each tensor, and the
bytes of all tensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from .errors import ExportError
from .tensors import ITEM_BYTES, Stored, Tensor

ARRAYS = {"float32": "F32", "float16": "F16"}
MAX_HEADER_BYTES = 100_000_000  # the format's own limit


def read_header(path: Path) -> dict[str, Stored]:
    """The tensors of a file by name. Raises ExportError if the header is invalid or does not fit the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise ExportError(
                f"{path} is not a complete safetensors file: its header should have {length} bytes, but the file has {size}: "
                "download it again."
            )
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise ExportError(f"{path} is not a safetensors file, because its header is not a JSON object: download it again.")
    data = 8 + length
    tensors = {name: _entry(path, name, value, data, size) for name, value in header.items() if name != "__metadata__"}
    _check_overlap(path, tensors.values())
    return tensors


def _entry(path: Path, name: str, value: object, data: int, size: int) -> Stored:
    try:
        dtype, shape, (begin, end) = value["dtype"], tuple(value["shape"]), value["data_offsets"]  # type: ignore[index]
        valid = isinstance(dtype, str) and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        valid = False
    if not valid:
        raise ExportError(f"{path}: the header's entry for {name} is malformed: download the file again.")
    if dtype not in ITEM_BYTES:
        raise ExportError(f"{path}: {name} has the unknown type {dtype}; expected {', '.join(ITEM_BYTES)}.")
    tensor = Stored(name, dtype, shape, path, data + begin)
    if end - begin != tensor.bytes:
        raise ExportError(
            f"{path}: {name} is {dtype}{list(shape)} with {tensor.bytes} bytes, but its header entry spans {end - begin} bytes: "
            "download the file again."
        )
    if data + end > size:
        raise ExportError(f"{path} is truncated: {name} should end at byte {data + end}, but the file has {size} bytes: download it again.")
    return tensor


def _check_overlap(path: Path, tensors: Iterable[Stored]) -> None:
    end = 0
    for tensor in sorted((t for t in tensors if t.bytes), key=lambda t: t.offset):
        if tensor.offset < end:
            raise ExportError(f"{path}: {tensor.name} overlaps the tensor before it, so the header is wrong: download the file again.")
        end = tensor.offset + tensor.bytes


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray | Tensor]) -> None:
    """Writes float32 or float16 arrays, and tensors in their own types.

    One tensor at a time is in memory. The file is replaced as a whole or not at all.
    """
    header, offset = {}, 0
    for name, values in tensors.items():
        dtype, bytes = (values.dtype, values.bytes) if isinstance(values, Tensor) else (ARRAYS[values.dtype.name], values.nbytes)
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + bytes]}
        offset += bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # aligns the first tensor to a cache line
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, values in tensors.items():
            if header[name]["data_offsets"][0] < header[name]["data_offsets"][1]:  # an empty tensor cannot be mapped
                file.write(np.ascontiguousarray(values.raw() if isinstance(values, Tensor) else values).data)
    os.replace(partial, path)
