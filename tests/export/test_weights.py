"""The weights in data files and in the checkpoint's files, and the memory for writing and loading them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest

from harness import tiny
from harness.exports import Model, run_export
from harness.lanes import Lanes
from harness.runner import Runner
from sjdexport import contract, tensors
from sjdexport.graph import BFLOAT16, FLOAT, FLOAT16, Graph, as_type
from sjdexport.precision import Float
from sjdexport.safetensors import read_header, write_safetensors
from sjdexport.tensors import Computed, Stored, Tensor, to_bfloat16
from sjdexport.weights import TILE, Weights

K = TILE + 44
MATRICES = {name: np.random.default_rng(0).normal(0, 1, (rows, K)).astype(np.float32) for name, rows in (("a", 37), ("b", 1), ("c", 50))}
RAW = {FLOAT: "<f4", FLOAT16: "<u2", BFLOAT16: "<u2"}


def stored(folder: Path, values: dict[str, np.ndarray] = MATRICES) -> list[Tensor]:
    write_safetensors(folder / "model.safetensors", values)
    return list(read_header(folder / "model.safetensors").values())


def computed(folder: Path) -> list[Tensor]:
    return [Computed(name, values.shape, lambda values=values: values) for name, values in MATRICES.items()]


def content(graph: Graph, folder: Path) -> onnx.GraphProto:
    graph.save(folder / "g.onnx")
    return onnx.load(folder / "g.onnx", load_external_data=False).graph


def initializers(graph: Graph, folder: Path) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in content(graph, folder).initializer}


def place(tensor: onnx.TensorProto) -> tuple[str, int, int]:
    """File, offset and length."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    return entries["location"], int(entries["offset"]), int(entries["length"])


def bits(folder: Path, tensor: onnx.TensorProto) -> np.ndarray:
    location, offset, length = place(tensor)
    return np.frombuffer((folder / location).read_bytes()[offset : offset + length], RAW[tensor.data_type]).reshape(tensor.dims)


def as_bits(values: np.ndarray, type: int) -> np.ndarray:
    return as_type(values, type).view(RAW[type])


@pytest.mark.parametrize("type", [FLOAT, FLOAT16, BFLOAT16])
@pytest.mark.parametrize("source", [stored, computed])
def test_matrices_are_stored_transposed_and_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source, type: int) -> None:
    """Also if blocks of rows are smaller than the matrices."""
    monkeypatch.setattr(tensors, "BLOCK_BYTES", 7 * 4 * K)
    graph = Graph("g")
    weights = Weights(graph, tmp_path / "g.data")
    weights.append("before", np.zeros(5, np.int8))
    name = weights.columns("m", source(tmp_path), type)
    weights.append("after", np.full(5, 7, np.int8))
    tensor = initializers(graph, tmp_path)[name]
    assert tensor.data_type == type and place(tensor)[1] % 64 == 0 and not content(graph, tmp_path).node
    np.testing.assert_array_equal(bits(tmp_path, tensor), as_bits(np.concatenate(list(MATRICES.values())), type).T)
    assert (tmp_path / "g.data").read_bytes()[-5:] == bytes([7] * 5)


@pytest.mark.parametrize(("own", "type", "kept"), [
    ("F32", FLOAT, FLOAT), ("F32", FLOAT16, FLOAT16), ("F32", BFLOAT16, BFLOAT16), ("F16", FLOAT, FLOAT16), ("F16", FLOAT16, FLOAT16),
    ("F16", BFLOAT16, BFLOAT16), ("BF16", FLOAT, BFLOAT16), ("BF16", FLOAT16, FLOAT16), ("BF16", BFLOAT16, BFLOAT16),
])
def test_a_table_is_not_stored_wider_than_in_the_checkpoint(tmp_path: Path, own: str, type: int, kept: int) -> None:
    """It is stored once, even if it is requested twice."""
    values = MATRICES["c"]
    raw = {"F32": values, "F16": values.astype(np.float16), "BF16": to_bfloat16(values)}[own]
    graph = Graph("g")
    weights, table = Weights(graph, tmp_path / "g.data"), Computed("table", values.shape, lambda: raw, own)
    (name, got), again = weights.table(table, type), weights.table(table, type)
    assert got == kept and again == (name, got) and len(initializers(graph, tmp_path)) == 1
    np.testing.assert_array_equal(bits(tmp_path, initializers(graph, tmp_path)[name]), as_bits(tensors.to_float32(raw, own), kept))


def test_half_precision_rounds_as_onnx_runtime_does(runner: Runner, tmp_path: Path) -> None:
    """To the nearest value, ties to even, for normal and subnormal numbers and at the ends of the range."""
    graph = Graph("cast")
    graph.output(graph.node("Cast", "half", [graph.input("x", FLOAT, ["n"])], to=FLOAT16), FLOAT16, ["n"])
    graph.save(tmp_path / "cast.onnx")
    runner.load("cast", tmp_path / "cast.onnx")
    halves = np.arange(0x7BFF, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = (halves[1:] + halves[:-1]) / 2
    random = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([halves, ties, np.nextafter(ties, 0), np.nextafter(ties, np.float32(np.inf)), random[np.abs(random) <= 65504]])
    values = np.concatenate([values, -values])
    got = runner.run("cast", {"x": values}, ["half"])["half"]
    np.testing.assert_array_equal(got.view(np.uint16), as_bits(values, FLOAT16))


def test_writing_a_matrix_needs_the_memory_of_a_few_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "BLOCK_BYTES", 1 << 20)
    shape = (4096, 2048)
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    matrix = Stored("zeros", "F32", shape, path, 0)
    for write in (lambda weights: weights.columns("m", [matrix, matrix], FLOAT), lambda weights: weights.converted(matrix, FLOAT16)):
        tracemalloc.start()
        write(Weights(Graph("g"), tmp_path / "g.data"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 << 20


def test_only_tensors_inside_the_model_folder_are_shared(tmp_path: Path) -> None:
    for folder in ("model", "elsewhere"):
        (tmp_path / folder).mkdir()
    model, elsewhere = tmp_path / "model", tmp_path / "elsewhere"
    own, _, other = stored(model, {name: values.astype(np.float16) for name, values in MATRICES.items()})
    graph = Graph("g")
    weights = Weights(graph, model / "g.data", share_from=model)
    weights.table(other, FLOAT16)
    weights.columns("shared", [own, other], FLOAT)
    assert weights.shared == {model / "model.safetensors"} and not (model / "g.data").exists()
    assert {name: place(tensor)[::2] for name, tensor in initializers(graph, model).items()} == {
        "a": ("model.safetensors", 2 * 37 * K), "c": ("model.safetensors", 2 * 50 * K)}
    assert [node.op_type for node in content(graph, model).node] == ["Cast", "Cast", "Concat", "Transpose"]
    written = [
        weights.columns("half", [own], FLOAT16), weights.columns("mixed", [own, computed(tmp_path)[0]], FLOAT),
        weights.columns("elsewhere", [stored(elsewhere)[0]], FLOAT),
    ]
    assert {place(initializers(graph, model)[name])[0] for name in written} == {"g.data"} and len(content(graph, model).node) == 4


def test_links_to_weights_elsewhere_are_not_shared(tmp_path: Path) -> None:
    """A graph may only read files in its own folder."""
    (tmp_path / "model").mkdir()
    stored(tmp_path)
    (tmp_path / "model" / "model.safetensors").symlink_to(tmp_path / "model.safetensors")
    graph = Graph("g")
    weights = Weights(graph, tmp_path / "model" / "g.data", share_from=tmp_path / "model")
    weights.columns("m", list(read_header(tmp_path / "model" / "model.safetensors").values()), FLOAT)
    assert not weights.shared and not content(graph, tmp_path).node


def test_shared_weights_give_the_same_logits_and_pixels(model: Model, runner: Runner, tmp_path: Path) -> None:
    """With equal bits."""
    tiny.write_checkpoint(tmp_path)
    done = run_export("--checkpoint", tmp_path, "--out", tmp_path, "--precision", "fp32", "--pictures", "2", "--share-weights")
    assert done.returncode == 0, done.stderr
    tokens = [[0, 50, 60, 70, 39, 37, 9, 20, 31], [0, 39, 37]]
    for pictures in (1, 2):
        shared, own = (folder / contract.transformer_graph("fp32", pictures) for folder in (tmp_path, model.folder))
        logits = []
        for graph in (shared, own):
            runner.load("bits", graph)
            logits.append(Lanes(runner, "bits", model.manifest, "fp32", pictures=pictures).run(tokens * pictures))
        np.testing.assert_array_equal(*logits)
    pixels = []
    for folder in (tmp_path, model.folder):
        runner.load("bits", folder / contract.IMAGE_DECODER)
        pixels.append(runner.run("bits", {contract.CODES: np.arange(32).reshape(1, 4, 8)}, [contract.RGB])[contract.RGB])
    np.testing.assert_array_equal(*pixels)


def test_shared_weights_are_converted_at_load(runner: Runner, tmp_path: Path) -> None:
    """Nodes that only rearrange weights are folded at load, and not left to every Run."""
    tiny.write_checkpoint(tmp_path, denoising=True)
    done = run_export("--checkpoint", tmp_path, "--out", tmp_path, "--precision", "fp32", "--pictures", "", "--share-weights")
    assert done.returncode == 0, done.stderr
    runner.load("folded", tmp_path / "transformer.fp32.onnx", optimized=tmp_path / "optimized.onnx")
    nodes = onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph.node
    computed = {output for node in nodes for output in node.output}
    assert [node.name for node in nodes if node.op_type in ("Cast", "Transpose", "Concat") and not computed & set(node.input)] == []
    assert [node.name for node in nodes if node.op_type == "Transpose"] == []
    assert [node.name for node in nodes if node.op_type == "Cast"] == ["embedding.cast"]


@pytest.mark.parametrize("share", [False, True])
def test_loading_needs_the_memory_of_the_weights_unless_they_are_shared(tmp_path: Path, share: bool) -> None:
    """In addition, one matrix is in memory while it is packed. Shared weights need more, because ONNX Runtime converts them."""
    width, count = 2048, 8
    matrices = stored(tmp_path, {str(i): np.full((width, width), i + 1, np.float16) for i in range(count)})
    graph = Graph("products")
    weights = Weights(graph, tmp_path / "products.data", share_from=tmp_path if share else None)
    x, kind = graph.input("x", FLOAT, [1, "S", width]), Float(graph, weights, FLOAT)
    for matrix in matrices:
        x = kind.linear(f"product.{matrix.name}", [x], [matrix])
    graph.output(x, FLOAT, [1, "S", width])
    graph.save(tmp_path / "products.onnx")
    small = Graph("small")
    small.output(small.node("Neg", "y", [small.input("x", FLOAT, ["n"])]), FLOAT, ["n"])
    small.save(tmp_path / "small.onnx")

    runner = Runner()
    runner.load("small", tmp_path / "small.onnx")
    before = runner.peak_bytes()
    runner.load("products", tmp_path / "products.onnx")
    growth, matrix = runner.peak_bytes() - before, 4 * width**2
    runner.close()
    assert (growth < (count + 2) * matrix) != share
