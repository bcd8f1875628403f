"""The shapes that the exporter writes into graphs are those of a Run."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from harness.exports import PRECISIONS, Model
from harness.lanes import Lanes
from harness.runner import Runner
from sjdexport import contract
from sjdexport.shapes import infer

TOKENS = ([0, 50, 60, 70, 80], [0, 39, 37])
LANES = {f"S.{lane}": len(tokens) for lane, tokens in enumerate(TOKENS)}
ROWS = [1, 5]
UNKNOWN = {"Pad"}  # the bias of a tree, whose width is the length of a lane


def values(graph: onnx.GraphProto) -> dict[str, list[int | str]]:
    return {value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.value_info}


def run_shapes(runner: Runner, model: Model, precision: str, path: Path, tokens: tuple[list[int], ...]) -> dict[str, list[int]]:
    """The shapes of all values of a graph that the file says something about, in a Run."""
    graph = onnx.load(path, load_external_data=False)
    names = list(values(graph.graph))
    for name in names:
        graph.graph.node.append(helper.make_node("Shape", [name], [f"shape of {name}"]))
        graph.graph.output.append(helper.make_tensor_value_info(f"shape of {name}", TensorProto.INT64, [None]))
    watched = path.with_name(f"watched.{path.name}")
    watched.write_bytes(graph.SerializeToString())
    runner.load(str(watched), watched)
    lanes = Lanes(runner, str(watched), model.manifest, precision, count=len(tokens))
    outputs = [contract.LOGITS, *(f"shape of {name}" for name in names)]
    found = runner.run(str(watched), lanes.feeds(tokens, ROWS), outputs, lanes._inputs, lanes._outputs)
    return {name: found[f"shape of {name}"].tolist() for name in names}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_shape_is_that_of_a_run(runner: Runner, model: Model, precision: str) -> None:
    path = model.folder / contract.transformer_graph(precision)
    said = values(onnx.load(path, load_external_data=False).graph)
    sizes = {"S": sum(LANES.values()), "R": len(ROWS), **LANES}
    assert run_shapes(runner, model, precision, path, TOKENS) == {
        name: [sizes.get(dim, dim) for dim in dims] for name, dims in said.items()}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_value_has_a_shape(model: Model, precision: str) -> None:
    for path in sorted(model.folder.glob(f"transformer.{precision}.*onnx")):
        if path.name.startswith("watched"):
            continue
        graph = onnx.load(path, load_external_data=False).graph
        known = {*values(graph), *(output.name for output in graph.output)}
        unknown = {name: node.op_type for node in graph.node for name in node.output if name and name not in known}
        assert set(unknown.values()) <= UNKNOWN | {"Cast"}, path.name
        assert len(unknown) <= (2 * len(TOKENS) if "tree" in path.name else 0), path.name


def test_dimensions_that_may_differ_have_no_shape() -> None:
    """A sum over rows that the file does not call equal, and a Reshape that a name cannot follow."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, name, 4]) for name in ("A", "B")]
    target = helper.make_tensor("target", TensorProto.INT64, [2], [-1, 8])
    nodes = [
        helper.make_node("Add", ["A", "B"], ["sum"]),
        helper.make_node("Abs", ["sum"], ["magnitude"]),
        helper.make_node("Reshape", ["A", "target"], ["pairs"]),
        helper.make_node("Reshape", ["B", "target"], ["other"]),
    ]
    graph = helper.make_graph(nodes, "graph", inputs, [helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, None)], [target])
    assert infer(graph) == []


def test_lanes_join_to_the_dimension_that_was_split() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Split", ["x", "lengths"], ["first", "second"], axis=1),
            helper.make_node("Concat", ["first", "second"], ["joined"], axis=1),
            helper.make_node("Concat", ["second", "first"], ["swapped"], axis=1),
            helper.make_node("Abs", ["joined"], ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "S", 4]), helper.make_tensor_value_info("lengths", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "S", 4])],
    )
    shapes = {value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in infer(graph)}
    assert shapes == {"first": [1, "S.0", 4], "second": [1, "S.1", 4], "joined": [1, "S", 4]}
