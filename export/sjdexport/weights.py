"""Where the weights of a graph lie: in the checkpoint's own files, or in one data file beside the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .graph import BFLOAT16, FLOAT, FLOAT16, INT8, UINT8, Graph
from .safetensors import Tensor

TYPES = {"F32": FLOAT, "F16": FLOAT16, "BF16": BFLOAT16}
NUMPY_TYPES = {"float32": FLOAT, "int8": INT8, "uint8": UINT8}
ALIGNMENT = 64  # bytes, one cache line


class Weights:
    """The large initialisers of one graph.

    With `linked`, tensors are not copied: the graph's external data points by offset into the checkpoint's files, which must
    lie in the folder of the graph. Otherwise, and for values the checkpoint does not hold (quantised ones), they are
    appended to the graph's data file, a tensor at a time, so that memory is bounded by the largest one.
    """

    def __init__(self, graph: Graph, data_file: Path, linked: bool) -> None:
        self.graph = graph
        self.data_file = data_file
        self._linked = linked
        self._seen: set[str] = set()

    def stored(self, tensor: Tensor) -> str:
        """An initialiser with the tensor's values in the type in which the checkpoint has them."""
        name = tensor.name
        if name in self._seen:
            return name
        self._seen.add(name)
        if not self._linked:
            return self._append(name, TYPES[tensor.dtype], tensor.raw())
        return self.graph.external(name, TYPES[tensor.dtype], tensor.shape, tensor.path.name, tensor.offset, tensor.bytes)

    def cast(self, tensor: Tensor, type: int) -> str:
        """The tensor in another type. ONNX Runtime folds the Cast when it loads the graph."""
        stored = self.stored(tensor)
        return stored if TYPES[tensor.dtype] == type else self.graph.node("Cast", f"{tensor.name}.cast", [stored], to=type)

    def append(self, name: str, array: np.ndarray) -> str:
        """An initialiser with values that the checkpoint does not hold as they are."""
        return self._append(name, NUMPY_TYPES[array.dtype.name], array)

    def _append(self, name: str, type: int, array: np.ndarray) -> str:
        with self.data_file.open("ab") as file:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            offset = file.tell()
            file.write(np.ascontiguousarray(array).data)
        return self.graph.external(name, type, array.shape, self.data_file.name, offset, array.nbytes)
