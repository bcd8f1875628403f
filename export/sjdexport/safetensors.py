"""Safetensors files, read by memory map: only what is looked at is loaded, and a header is believed only after checks.

Format: a little-endian uint64 with the header's length, a JSON header that gives each tensor's type, shape and byte range,
then the bytes of all tensors.
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
        except (ValueError, RecursionError):
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
        whole = isinstance(dtype, str) and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
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


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray | Tensor]) -> None:
    """Writes float32 or float16 arrays, and tensors as they are, one at a time in memory. The file appears whole or not at all."""
    header, offset = {}, 0
    for name, values in tensors.items():
        dtype, bytes = (values.dtype, values.bytes) if isinstance(values, Tensor) else (ARRAYS[values.dtype.name], values.nbytes)
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + bytes]}
        offset += bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # so that the first tensor starts at a cache line
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, values in tensors.items():
            if header[name]["data_offsets"][0] < header[name]["data_offsets"][1]:  # nothing cannot be mapped
                file.write(np.ascontiguousarray(values.raw() if isinstance(values, Tensor) else values).data)
    os.replace(partial, path)
