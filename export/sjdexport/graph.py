"""A thin builder over onnx.helper. A node's name says what it computes, and its output has the same name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import shapes
from .tensors import to_bfloat16

# Fixed, because onnx's defaults depend on its release and the engine's ONNX Runtime may be older.
IR_VERSION = 10
OPSETS = {"": 21, "com.microsoft": 1}

FLOAT, FLOAT16, BFLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16
INT8, UINT8, INT32, INT64 = TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64
Shape = Sequence["int | str"]


def as_type(values: np.ndarray, type: int) -> np.ndarray:
    """float32 values in one of the three float types. NumPy has no bfloat16, so its bits are returned as uint16."""
    return to_bfloat16(values) if type == BFLOAT16 else np.asarray(values, {FLOAT: np.float32, FLOAT16: np.float16}[type])


class Graph:
    def __init__(self, name: str) -> None:
        self._graph = onnx.GraphProto(name=name)
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], str] = {}
        self._metadata: dict[str, str] = {}

    def metadata(self, key: str, value: int) -> None:
        """Adds a number to the graph's metadata, which the engine compares with model.json."""
        self._metadata[key] = str(value)

    def input(self, name: str, type: int, shape: Shape) -> str:
        self._graph.input.append(helper.make_tensor_value_info(name, type, shape))
        return name

    def output(self, name: str, type: int, shape: Shape) -> None:
        """Declares the value of that name as a graph output."""
        self._graph.output.append(helper.make_tensor_value_info(name, type, shape))

    def node(self, op: str, name: str, inputs: Sequence[str], domain: str = "", **attributes: object) -> str:
        """Adds a node with one output, called `name`; returns the name."""
        return self.nodes(op, [name], inputs, domain, **attributes)[0]

    def nodes(self, op: str, outputs: Sequence[str], inputs: Sequence[str], domain: str = "", **attributes: object) -> list[str]:
        """Adds a node with several outputs; returns their names. '' omits an optional input or output."""
        node = helper.make_node(op, inputs, outputs, name=next(o for o in outputs if o), domain=domain, **attributes)
        self._graph.node.append(node)
        return list(outputs)

    def constant(self, array: np.ndarray | np.generic, name: str | None = None) -> str:
        """Adds a small initializer to the graph file; returns its name. Equal ones without a name are stored once."""
        array = np.asarray(array)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if name is None and key in self._constants:
            return self._constants[key]
        name = name or f"constant.{len(self._constants)}"
        self._constants[key] = name
        self.initializer(numpy_helper.from_array(array, name))
        return name

    def floats(self, values: np.ndarray, type: int, name: str | None = None) -> str:
        """The same for float values, stored in one of the three float types."""
        if type != BFLOAT16:
            return self.constant(as_type(values, type), name)
        bits = np.ascontiguousarray(as_type(values, type))
        key = ("bfloat16", bits.tobytes(), bits.shape)
        if name is None and key in self._constants:
            return self._constants[key]
        name = name or f"constant.{len(self._constants)}"
        self._constants[key] = name
        self.initializer(TensorProto(name=name, data_type=BFLOAT16, dims=bits.shape, raw_data=bits.tobytes()))
        return name

    def external(self, name: str, type: int, shape: Sequence[int], location: str, offset: int, length: int) -> str:
        """Adds an initializer whose bytes are in another file of the folder; returns its name."""
        tensor = TensorProto(name=name, data_type=type, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializer(tensor)
        return name

    def initializer(self, tensor: TensorProto) -> None:
        self._graph.initializer.append(tensor)

    def save(self, path: Path) -> None:
        self._graph.value_info.extend(shapes.infer(self._graph))
        used = {node.domain for node in self._graph.node} | {""}
        model = helper.make_model(
            self._graph,
            producer_name="sjdonnx-export",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items() if domain in used],
        )
        helper.set_model_props(model, self._metadata)
        path.write_bytes(model.SerializeToString())


class Graphs(Graph):
    """Several graphs with few differences. What is added here is added to each of them, under the same name.

    Parts of a single graph are added to it directly. Constants added that way need a name.
    """

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self._graphs = graphs
        self._constants = {}

    def metadata(self, key: str, value: int) -> None:
        for graph in self._graphs:
            graph.metadata(key, value)

    def input(self, name: str, type: int, shape: Shape) -> str:
        for graph in self._graphs:
            graph.input(name, type, shape)
        return name

    def output(self, name: str, type: int, shape: Shape) -> None:
        for graph in self._graphs:
            graph.output(name, type, shape)

    def nodes(self, op: str, outputs: Sequence[str], inputs: Sequence[str], domain: str = "", **attributes: object) -> list[str]:
        for graph in self._graphs:
            graph.nodes(op, outputs, inputs, domain, **attributes)
        return list(outputs)

    def initializer(self, tensor: TensorProto) -> None:
        for graph in self._graphs:
            graph.initializer(tensor)


def external_files(graph: onnx.GraphProto) -> set[str]:
    """The files with a graph's external tensors: initializers and attributes, including those of subgraphs."""
    files: set[str] = set()
    tensors = [*graph.initializer]
    for sparse in graph.sparse_initializer:
        tensors += [sparse.values, sparse.indices]
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                tensors += [sparse.values, sparse.indices]
            for body in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                files |= external_files(body)
    for tensor in tensors:
        files |= {entry.value for entry in tensor.external_data if entry.key == "location"}
    return files
