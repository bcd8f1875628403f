"""The weights of all families are stored in the form that ONNX Runtime's kernels read."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from harness import tiny
from harness.exports import run_export
from harness.family_exports import WRITERS, export_family
from sjdexport import contract
from sjdexport.precision import PRECISIONS


def constant_nodes(folder: Path) -> dict[str, list[str]]:
    """The nodes of each graph in the folder that read only initializers."""
    found = {}
    for path in sorted(folder.glob("*.onnx")):
        graph = onnx.load(path, load_external_data=False).graph
        initializers = {tensor.name for tensor in graph.initializer} | {""}
        found[path.name] = [f"{node.op_type} {node.name}" for node in graph.node if initializers.issuperset(node.input)]
    return found


@pytest.mark.parametrize("name", WRITERS)
def test_no_node_reads_only_initializers(name: str, tmp_path: Path) -> None:
    """In all precisions, in graphs for one picture, batches and trees, and in the image decoder and the text encoder."""
    written = WRITERS[name](tmp_path / "checkpoint")
    manifest = export_family(name, written, tmp_path / "model", list(PRECISIONS), pictures=[] if name == "llamagen t2i" else [2])
    found = constant_nodes(tmp_path / "model")
    expected = [contract.transformer_graph(precision) for precision in manifest["transformer"]["precisions"]]
    assert set(expected) <= found.keys() and len(expected) >= 4
    assert not any(found.values()), found


@pytest.mark.parametrize("name", WRITERS)
def test_graphs_for_gpus_split_nothing_into_constant_unequal_parts(name: str, tmp_path: Path) -> None:
    """CUDA's Split would copy tables from the host in each Run. Lanes are equally long in windows, and so are gate and up."""
    written = WRITERS[name](tmp_path / "checkpoint")
    halves = [precision for precision in PRECISIONS if PRECISIONS[precision].cache != "float32"]
    assert {"fp16", "bf16"} <= set(halves)
    export_family(name, written, tmp_path / "model", halves)
    for path in tmp_path.glob("model/transformer.*.onnx"):
        graph = onnx.load(path, load_external_data=False).graph
        sizes = {node.input[1] for node in graph.node if node.op_type == "Split" and len(node.input) > 1}
        assert sizes == {contract.LANE_LENGTHS}, path.name


def test_no_node_of_a_model_that_reads_noise_reads_only_initializers(tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path / "checkpoint", denoising=True)
    done = run_export("--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model", "--precision", ",".join(PRECISIONS))
    assert done.returncode == 0, done.stderr
    found = constant_nodes(tmp_path / "model")
    assert len(found) == 1 + 5 * len(PRECISIONS) + 3 and not any(found.values()), found


def test_only_float32_graphs_convert_shared_weights(tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path)
    done = run_export("--checkpoint", tmp_path, "--out", tmp_path, "--precision", ",".join(PRECISIONS), "--pictures", "", "--share-weights")
    assert done.returncode == 0, done.stderr
    found = {name: {node.split()[0] for node in nodes} for name, nodes in constant_nodes(tmp_path).items() if nodes}
    assert found == {"image_decoder.onnx": {"Cast"}, "transformer.fp32.onnx": {"Cast"}, "transformer.fp32.tree.onnx": {"Cast"}}
