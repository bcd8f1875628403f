"""The shapes of a graph's values, with names for the dimensions that only a Run knows.

ONNX Runtime plans which values may share memory when it opens a graph. It tries each value that it needs against each buffer that is free,
and for dimensions without a name none ever fits: the list of free buffers grows with every node, and planning takes longer than all the rest
of opening. Its own inference loses the names at Reshape, at Split by lengths from an input, and at most operators of com.microsoft. So the
shapes are written into the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Dims = tuple["int | str", ...]
ALL_OR_ONE = "N"  # the name of a dimension that is either as long as the other one, or 1

SAME = {
    "Abs", "Cast", "Cos", "Gelu", "LayerNormalization", "QuantizeLinear", "QuickGelu", "SimplifiedLayerNormalization", "Sin",
}  # the shape of the first input
ELEMENTWISE = {"Add", "Clip", "Div", "Mul", "Sub", "Where"}  # the broadcast shape of all inputs
COMPARISONS = {"Greater", "GreaterOrEqual"}  # the same, of bool
PRODUCTS = {"MatMul", "MatMulIntegerToFloat"}  # [..., K] times [K, N]


def infer(graph: GraphProto) -> list[ValueInfoProto]:
    """The types and shapes of all values between nodes whose dimensions are all known or named. Values of other operators are left out."""
    return _Shapes(graph).infer()


class _Shapes:
    def __init__(self, graph: GraphProto) -> None:
        self._graph = graph
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._types: dict[str, int] = {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._shapes: dict[str, Dims] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        for value in graph.input:
            self._types[value.name], self._shapes[value.name] = value.type.tensor_type.elem_type, _dims(value)
        self._wholes: dict[tuple[int | str, ...], int | str] = {}  # the dimension that was split, by its parts

    def infer(self) -> list[ValueInfoProto]:
        declared = {value.name: _dims(value) for value in self._graph.output}
        values = []
        for node in self._graph.node:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            type = self._type(node, attributes)
            shapes = self._node(node, attributes)
            for name, shape in zip(node.output, shapes):
                shape = declared.get(name, shape)
                if not name or shape is None or type is None:
                    continue
                self._types[name], self._shapes[name] = type, shape
                if name not in declared:
                    values.append(helper.make_tensor_value_info(name, type, shape))
        return values

    def _type(self, node: NodeProto, attributes: Mapping[str, Any]) -> int | None:
        if node.op_type == "Cast":
            return attributes["to"]
        if node.op_type == "MatMulIntegerToFloat":
            return TensorProto.FLOAT
        if node.op_type in COMPARISONS:
            return TensorProto.BOOL
        source = {"QuantizeLinear": 2, "Where": 1}.get(node.op_type, 0)
        return self._types.get(node.input[source])

    def _node(self, node: NodeProto, attributes: Mapping[str, Any]) -> Sequence[Dims | None]:
        """The shapes of a node's outputs; empty if they are not known."""
        op, inputs = node.op_type, [self._shapes.get(name) for name in node.input]
        first = inputs[0] if inputs else None
        if first is None or op in ELEMENTWISE | COMPARISONS | {"Concat"} and None in inputs:
            return []
        if op in SAME:
            return [first]
        if op in ELEMENTWISE | COMPARISONS:
            return [_broadcast(inputs)]
        if op in PRODUCTS:
            return [] if inputs[1] is None else [(*first[:-1], inputs[1][-1])]
        rule: Callable[..., Sequence[Dims | None]] | None = getattr(self, f"_{op}", None)
        return [] if rule is None else rule(node, attributes, inputs)

    # One rule for each other operator, under its ONNX name.

    def _Transpose(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        return [tuple(inputs[0][axis] for axis in attributes["perm"])]

    def _Unsqueeze(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        axes = self._integers(node.input[1])
        return [(*inputs[0][:axes[0]], 1, *inputs[0][axes[0]:])] if axes is not None and len(axes) == 1 else []

    def _MatMulNBits(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        return [(*inputs[0][:-1], attributes["N"])]

    def _SkipSimplifiedLayerNormalization(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        return [inputs[0]] * len(node.output)

    def _ReduceMax(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        axes = self._integers(node.input[1])
        return [] if axes is None else [tuple(1 if axis in axes else dim for axis, dim in enumerate(inputs[0]))]

    def _Gather(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims | None]) -> Sequence[Dims]:
        axis, indices = attributes.get("axis", 0), inputs[1]
        return [] if indices is None else [(*inputs[0][:axis], *indices, *inputs[0][axis + 1:])]

    def _Reshape(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        """-1 stands for the one dimension with a name, if the others cancel, or for what is left of the known ones."""
        target = self._integers(node.input[1])
        if target is None or 0 in target:
            return []
        names = [dim for dim in inputs[0] if isinstance(dim, str)]
        before = math.prod(dim for dim in inputs[0] if isinstance(dim, int))
        after = math.prod(dim for dim in target if dim > 0)
        if len(names) == 1 and before == after:
            rest: int | str = names[0]
        elif not names and before % after == 0:
            rest = before // after
        else:
            return []
        return [tuple(rest if dim < 0 else dim for dim in target)]

    def _Split(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        axis, whole, count = attributes.get("axis", 0), inputs[0], len(node.output)
        lengths = self._integers(node.input[1]) if len(node.input) > 1 else None
        if lengths is None:
            if len(node.input) > 1:  # the lengths are an input: each part gets a name
                lengths = [f"{whole[axis]}.{part}" for part in range(count)]
            elif isinstance(whole[axis], int) and whole[axis] % count == 0:
                lengths = [whole[axis] // count] * count
            else:
                return []
        self._wholes[tuple(lengths)] = whole[axis]
        return [(*whole[:axis], length, *whole[axis + 1:]) for length in lengths]

    def _Concat(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims]:
        axis = attributes["axis"] % len(inputs[0])
        parts = tuple(shape[axis] for shape in inputs)
        if all(isinstance(part, int) for part in parts):
            joined: int | str = sum(parts)
        elif parts in self._wholes:
            joined = self._wholes[parts]
        else:
            return []
        return [(*inputs[0][:axis], joined, *inputs[0][axis + 1:])]

    def _GroupQueryAttention(self, node: NodeProto, attributes: Mapping[str, Any], inputs: list[Dims]) -> Sequence[Dims | None]:
        """Queries, keys and values of a token are packed side by side, as heads of equal width; only the queries' are left."""
        (*rest, packed), heads = inputs[0], attributes["num_heads"]
        return [(*rest, packed // (heads + 2 * attributes["kv_num_heads"]) * heads), None, None]

    def _integers(self, name: str) -> list[int] | None:
        """The values of a small constant; None if it is no initializer of the file."""
        tensor = self._initializers.get(name)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        return [int(value) for value in np.atleast_1d(numpy_helper.to_array(tensor))]


def _dims(value: ValueInfoProto) -> Dims:
    return tuple(dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _broadcast(shapes: Sequence[Dims]) -> Dims | None:
    """The shape of an elementwise result; None if two dimensions may differ."""
    rank = max(map(len, shapes))
    result: list[int | str] = []
    for dims in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes)):
        wide = {dim for dim in dims if dim != 1}
        if len(wide) > 1:
            wide.discard(ALL_OR_ONE)
        if len(wide) > 1:
            return None
        result.append(wide.pop() if wide else 1)
    return tuple(result)
