"""The weights of a graph: in a data file beside it, in the form that its nodes read, or in the checkpoint's own files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from .graph import BFLOAT16, FLOAT, FLOAT16, INT8, UINT8, Graph, as_type
from .tensors import Stored, Tensor

TYPES = {"F32": FLOAT, "F16": FLOAT16, "BF16": BFLOAT16}
NUMPY_TYPES = {"float32": FLOAT, "float16": FLOAT16, "int8": INT8, "uint8": UINT8}
ITEM_BYTES = {FLOAT: 4, FLOAT16: 2, BFLOAT16: 2, INT8: 1, UINT8: 1}
LARGEST = {FLOAT: float(np.finfo(np.float32).max), FLOAT16: float(np.finfo(np.float16).max), BFLOAT16: float(np.finfo(np.float32).max)}
ALIGNMENT = 64  # bytes, one cache line
TILE = 256  # columns of a block of rows that are transposed at a time; they fit into the processor's cache


class Weights:
    """The large initializers of a graph, or of several graphs that share them.

    They are written into the data file in the type and layout that nodes read, one block of rows at a time. So ONNX Runtime converts
    nothing when it loads the graph.

    With `share_from`, tensors in safetensors files of that folder are not written. Initializers point into those files, and nodes convert
    the values to float32; ONNX Runtime folds these nodes at load. Matrices of half precision are written in any case.
    """

    def __init__(self, graph: Graph, data_file: Path, share_from: Path | None = None) -> None:
        self.shared: set[Path] = set()  # the files that initializers point into
        self.graph, self._data_file = graph, data_file
        self._share_from = share_from and share_from.resolve()
        self._seen: set[str] = set()
        self._end = 0  # bytes in the data file

    def table(self, tensor: Tensor, type: int) -> tuple[str, int]:
        """Adds an initializer for row lookups; returns its name and type.

        The type is `type`, or the checkpoint's if that is shared or narrower.
        """
        own = TYPES[tensor.dtype]
        kept = own if self._shares(tensor) or ITEM_BYTES[own] < ITEM_BYTES[type] else type
        return self.converted(tensor, kept, LARGEST[type]), kept

    def converted(self, tensor: Tensor, type: int, largest: float | None = None) -> str:
        """The name of the tensor's values in a float type.

        Raises ExportError if one is not finite or exceeds `largest` (default: the type's largest number).
        """
        is_own = TYPES[tensor.dtype] == type
        name = tensor.name if is_own else f"{tensor.name}.cast"
        if name in self._seen:
            return name
        self._seen.add(name)
        largest = largest or LARGEST[type]
        if not self._shares(tensor):
            return self._write(name, type, tensor.shape, (as_type(block, type) for block in tensor.row_blocks(largest)))
        if not is_own:
            return self.graph.node("Cast", name, [self.converted(tensor, TYPES[tensor.dtype])], to=type)
        tensor.check(largest)
        path = tensor.path.resolve()
        self.shared.add(path)
        return self.graph.external(name, type, tensor.shape, path.name, tensor.offset, tensor.bytes)

    def columns(self, name: str, matrices: Sequence[Tensor], type: int) -> str:
        """The name of the transposed matrices [N, K] side by side, [K, sum of N]. Raises ExportError as `converted` does."""
        if type == FLOAT and all(map(self._shares, matrices)):
            parts = [self.converted(matrix, type) for matrix in matrices]
            packed = parts[0] if len(parts) == 1 else self.graph.node("Concat", f"{name}.packed", parts, axis=0)
            return self.graph.node("Transpose", f"{name}.transposed", [packed], perm=[1, 0])
        shape = (matrices[0].shape[1], sum(matrix.shape[0] for matrix in matrices))
        place, row = self._reserve(f"{name}.columns", type, shape), shape[1] * ITEM_BYTES[type]
        with self._data_file.open("r+b") as file:
            for block in (block for matrix in matrices for block in matrix.row_blocks(LARGEST[type])):
                for start in range(0, shape[0], TILE):
                    for k, part in enumerate(np.ascontiguousarray(as_type(block[:, start : start + TILE], type).T), start):
                        file.seek(place + k * row)
                        file.write(part.data)
                place += len(block) * ITEM_BYTES[type]
        return f"{name}.columns"

    def append(self, name: str, array: np.ndarray, type: int | None = None) -> str:
        """Adds an initializer with computed values; returns its name. float32 values are stored as `type`, if that is given."""
        array, type = (array, NUMPY_TYPES[array.dtype.name]) if type is None else (as_type(array, type), type)
        return self._write(name, type, array.shape, [array])

    def _shares(self, tensor: Tensor) -> bool:
        return self._share_from is not None and isinstance(tensor, Stored) and tensor.path.resolve().parent == self._share_from

    def _write(self, name: str, type: int, shape: Sequence[int], blocks: Iterable[np.ndarray]) -> str:
        place = self._reserve(name, type, shape)
        with self._data_file.open("r+b") as file:
            file.seek(place)
            for block in blocks:
                file.write(np.ascontiguousarray(block).data)
        return name

    def _reserve(self, name: str, type: int, shape: Sequence[int]) -> int:
        """Adds an initializer whose bytes are written next; returns their offset in the data file."""
        place, length = self._end + -self._end % ALIGNMENT, math.prod(shape) * ITEM_BYTES[type]
        self._end = place + length
        self._data_file.touch()
        self.graph.external(name, type, shape, self._data_file.name, place, length)
        return place
