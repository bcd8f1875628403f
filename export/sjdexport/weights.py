"""Where the weights of a graph lie: in the checkpoint's own files, or in one data file beside the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .graph import BFLOAT16, FLOAT, FLOAT16, INT8, UINT8, Graph, as_type
from .tensors import Stored, Tensor

TYPES = {"F32": FLOAT, "F16": FLOAT16, "BF16": BFLOAT16}
NUMPY_TYPES = {"float32": FLOAT, "float16": FLOAT16, "int8": INT8, "uint8": UINT8}
ITEM_BYTES = {FLOAT: 4, FLOAT16: 2, BFLOAT16: 2}
LARGEST = {FLOAT: float(np.finfo(np.float32).max), FLOAT16: float(np.finfo(np.float16).max), BFLOAT16: float(np.finfo(np.float32).max)}
ALIGNMENT = 64  # bytes, one cache line


class Weights:
    """The large initialisers of one graph.

    With `linked`, tensors that lie in a file are not copied: the graph's external data points by offset into the checkpoint's
    files, which must lie in the folder of the graph under the name that `file_name` gives. All others, and values the checkpoint
    does not hold (quantised ones), are appended to the graph's data file, a tensor at a time, so that memory is bounded by the
    largest one.
    """

    def __init__(self, graph: Graph, data_file: Path, linked: bool, file_name: Callable[[Path], str] = lambda path: path.name) -> None:
        self.graph = graph
        self.data_file = data_file
        self._linked, self._file_name = linked, file_name
        self._seen: set[str] = set()
        self._checked: set[tuple[str, float]] = set()

    def stored(self, tensor: Tensor) -> str:
        """An initialiser with the tensor's values in the type in which the checkpoint has them. Raises ExportError if they are not finite."""
        name = tensor.name
        if name in self._seen:
            return name
        self._seen.add(name)
        self._check(tensor, TYPES[tensor.dtype])
        if self._links(tensor):
            return self.graph.external(name, TYPES[tensor.dtype], tensor.shape, self._file_name(tensor.path), tensor.offset, tensor.bytes)
        return self._append(name, TYPES[tensor.dtype], tensor.raw())

    def cast(self, tensor: Tensor, type: int) -> str:
        """The tensor in another type. ONNX Runtime folds the Cast when it loads the graph; what is copied is never copied wider than that."""
        if TYPES[tensor.dtype] == type:
            return self.stored(tensor)
        name = f"{tensor.name}.cast"
        self._check(tensor, type)
        if not self._links(tensor) and ITEM_BYTES[type] < ITEM_BYTES[TYPES[tensor.dtype]]:
            return name if name in self._seen else self.append(name, tensor.float32(), type)
        return self.graph.node("Cast", name, [self.stored(tensor)], to=type)

    def table(self, tensor: Tensor, type: int) -> tuple[str, int]:
        """An initialiser whose rows are looked up, and its type: that of the checkpoint, or `type` if it must be written anyway and is narrower so."""
        if self._links(tensor) or ITEM_BYTES[type] >= ITEM_BYTES[TYPES[tensor.dtype]]:
            return self.stored(tensor), TYPES[tensor.dtype]
        return self.cast(tensor, type), type

    def append(self, name: str, array: np.ndarray, type: int | None = None) -> str:
        """An initialiser with values that the checkpoint does not hold as they are; float32 ones in another float type, if one is given."""
        self._seen.add(name)
        return self._append(name, NUMPY_TYPES[array.dtype.name], array) if type is None else self._append(name, type, as_type(array, type))

    def _check(self, tensor: Tensor, type: int) -> None:
        """That the tensor's values can be of that type; they are read for nothing else where they are linked."""
        if not {(tensor.name, LARGEST[type]), (tensor.name, LARGEST[FLOAT16])} & self._checked:
            self._checked.add((tensor.name, LARGEST[type]))
            tensor.check(LARGEST[type])

    def _links(self, tensor: Tensor) -> bool:
        return self._linked and isinstance(tensor, Stored)

    def _append(self, name: str, type: int, array: np.ndarray) -> str:
        with self.data_file.open("ab") as file:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            offset = file.tell()
            file.write(np.ascontiguousarray(array).data)
        return self.graph.external(name, type, array.shape, self.data_file.name, offset, array.nbytes)
