"""Tensors of a checkpoint: stored in a file, or computed from others when their values are needed."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ExportError

ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
NUMPY_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?"
}
BLOCK_BYTES = 64 << 20  # float32 values that `row_blocks` has in memory at a time
LARGEST = float(np.finfo(np.float32).max)


class Tensor(abc.ABC):
    """A name, a type, a shape, and values that are read on demand."""

    name: str
    dtype: str  # in safetensors' notation
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]

    @abc.abstractmethod
    def raw(self) -> np.ndarray:
        """The values as stored. BF16 values are uint16 bits."""

    @abc.abstractmethod
    def rows(self, first: int, count: int) -> Tensor:
        """The tensor of `count` rows from `first` on, with its own name."""

    def origin(self) -> tuple[Tensor, range | np.ndarray | None]:
        """The tensor that this one's rows come from, and their indices in it; the tensor itself and None if it is not a part of another."""
        return self, None

    def take(self, rows: Sequence[int] | np.ndarray) -> Rows:
        """The tensor of these rows, in the given order."""
        index = np.asarray(rows)
        return Rows(f"{self.name}.taken", (len(index), *self.shape[1:]), self.dtype, self, index)

    def float32(self) -> np.ndarray:
        """The values as float32, in memory."""
        return to_float32(self.raw(), self.dtype)

    def row_blocks(self, largest: float = LARGEST) -> Iterator[np.ndarray]:
        """The rows as float32 in order, in blocks of at most BLOCK_BYTES, or of one row.

        Raises ExportError for values that are not finite or have a magnitude above `largest`.
        """
        count = max(1, BLOCK_BYTES // (4 * math.prod(self.shape[1:])))
        for raw in self._raw_blocks(count):
            rows = to_float32(raw, self.dtype)
            magnitude = max(float(rows.max()), -float(rows.min()))  # NaN if there is one
            if not magnitude <= LARGEST:
                raise ExportError(f"{self.name} has weights that are not finite numbers: download the checkpoint again.")
            if magnitude > largest:
                raise ExportError(
                    f"{self.name} has a weight of magnitude {magnitude:g}; half precision only reaches {largest:g}: choose another "
                    "--precision."
                )
            yield rows

    def _raw_blocks(self, count: int) -> Iterator[np.ndarray]:
        """The rows as stored, `count` at a time."""
        raw = self.raw()
        for first in range(0, self.shape[0], count):
            yield raw[first : first + count]

    def check(self, largest: float = LARGEST) -> None:
        """Raises ExportError as `row_blocks` does."""
        for _ in self.row_blocks(largest):
            pass


@dataclasses.dataclass(frozen=True)
class Stored(Tensor):
    """A tensor whose bytes are consecutive in a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    offset: int  # bytes from the start of the file
    whole: Stored | None = None  # the tensor that this is a window of, if it is one
    first: int = 0  # its first row in `whole`

    def rows(self, first: int, count: int) -> Stored:
        """A window of the same bytes."""
        row = self.bytes // self.shape[0]
        return dataclasses.replace(
            self, name=_rows(self.name, first, count), shape=(count, *self.shape[1:]), offset=self.offset + first * row,
            whole=self.whole or self, first=self.first + first)

    def origin(self) -> tuple[Tensor, range | None]:
        return (self, None) if self.whole is None else (self.whole, range(self.first, self.first + self.shape[0]))

    def raw(self) -> np.ndarray:
        """The values, memory-mapped and read-only."""
        return np.memmap(self.path, NUMPY_TYPES[self.dtype], mode="r", offset=self.offset, shape=self.shape)

    def _raw_blocks(self, count: int) -> Iterator[np.ndarray]:
        """Each block is mapped separately, because pages that were read count as used memory as long as they are mapped."""
        for first in range(0, self.shape[0], count):
            yield self.rows(first, min(count, self.shape[0] - first)).raw()


@dataclasses.dataclass(frozen=True)
class Computed(Tensor):
    """A tensor that is computed. `values` is called each time that its values are needed."""

    name: str
    shape: tuple[int, ...]
    values: Callable[[], np.ndarray]  # returns what `raw` returns
    dtype: str = "F32"

    def rows(self, first: int, count: int) -> Rows:
        return Rows(_rows(self.name, first, count), (count, *self.shape[1:]), self.dtype, self, range(first, first + count))

    def raw(self) -> np.ndarray:
        return self.values()


@dataclasses.dataclass(frozen=True)
class Rows(Tensor):
    """Rows of another tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    base: Tensor
    index: range | np.ndarray  # of the rows in `base`

    def rows(self, first: int, count: int) -> Rows:
        return Rows(_rows(self.name, first, count), (count, *self.shape[1:]), self.dtype, self.base, self.index[first : first + count])

    def raw(self) -> np.ndarray:
        return _select(self.base.raw(), self.index)

    def origin(self) -> tuple[Tensor, range | np.ndarray]:
        origin, index = self.base.origin()
        if index is None:
            return origin, self.index
        return origin, _select(index if isinstance(self.index, range) else np.asarray(index), self.index)


def _select(rows: Any, index: range | np.ndarray) -> Any:
    """The selected rows. For a range they are a view, not a copy."""
    return rows[index.start : index.stop] if isinstance(index, range) else rows[index]


def _rows(name: str, first: int, count: int) -> str:
    return f"{name}.{first}-{first + count - 1}"


def to_float32(raw: np.ndarray, dtype: str) -> np.ndarray:
    raw = np.asarray(raw)
    return (raw.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else raw.astype(np.float32)


def from_float32(values: np.ndarray, dtype: str) -> np.ndarray:
    """float32 values as `raw` values of the type F32, F16 or BF16. Values outside the range of F16 become infinite."""
    if dtype == "BF16":
        return to_bfloat16(values)
    with np.errstate(over="ignore"):
        return values.astype(NUMPY_TYPES[dtype])


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """The uint16 bits of float32 values, rounded to the nearest bfloat16, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
