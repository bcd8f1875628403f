"""The content of a model folder, for all forms of checkpoints."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import ExternalDataInfo, _get_all_tensors, uses_external_data

from harness import chameleon_reference as reference
from harness import tiny
from harness.exports import Model, assert_one_sentence, run_export
from harness.lanes import Lanes
from sjdexport import contract
from sjdexport.errors import ExportError
from sjdexport.precision import quantize_blocks, quantize_columns, restore_blocks
from sjdexport.safetensors import read_header, write_safetensors
from sjdexport.sections import check_manifest

PROMPTS = ([0, 50, 60, 70, 39, 37], [0, 39, 37])


def test_every_file_is_listed_with_its_hash(model: Model) -> None:
    names = {path.name for path in model.folder.iterdir()} - {"model.json", "checkpoint.safetensors"}  # no graph reads it
    assert set(model.manifest["files"]) == names
    for name, entry in model.manifest["files"].items():
        data = (model.folder / name).read_bytes()
        assert entry | {"weights": None} == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "weights": None}


def test_graphs_list_the_files_of_their_weights(model: Model) -> None:
    for name, entry in model.manifest["files"].items():
        tensors = _get_all_tensors(onnx.load(model.folder / name, load_external_data=False)) if name.endswith(".onnx") else []
        referenced = {ExternalDataInfo(tensor).location for tensor in tensors if uses_external_data(tensor)}
        assert entry.get("weights", []) == sorted(referenced) and ("weights" in entry) == bool(referenced)
    assert model.manifest["files"]["transformer.int8.onnx"]["weights"] == ["transformer.int8.data"]


def test_weights_of_nodes_and_subgraphs_are_listed(tmp_path: Path) -> None:
    """The value of a Constant node and the initializer of a branch, each in a separate file. No graph of the exporter has these today."""

    def constant(name: str, file: str) -> onnx.NodeProto:
        value = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
        value.external_data.add(key="location", value=file)
        return onnx.helper.make_node("Constant", [], [name], value=value)

    result = onnx.helper.make_tensor_value_info("result", onnx.TensorProto.FLOAT, [4])
    branches = {
        f"{branch}_branch": onnx.helper.make_graph([constant("result", f"{branch}.data")], branch, [], [result])
        for branch in ("then", "else")
    }
    branches["else_branch"].initializer.append(constant("unused", "deep.data").attribute[0].t)
    condition = onnx.helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, [])
    nodes = [constant("top", "top.data"), onnx.helper.make_node("If", ["condition"], ["result"], **branches)]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [condition], [result]))
    (tmp_path / "g.onnx").write_bytes(model.SerializeToString())
    assert contract.file_entries(tmp_path, ["g.onnx"])["g.onnx"]["weights"] == ["deep.data", "else.data", "then.data", "top.data"]


def test_graphs_contain_the_numbers_that_the_engine_compares(model: Model) -> None:
    def metadata(name: str) -> dict[str, str]:
        return {each.key: each.value for each in onnx.load(model.folder / name, load_external_data=False).metadata_props}

    ids = len(json.loads((model.folder / "tokenizer.json").read_text())["model"]["vocab"])
    for precision in model.manifest["transformer"]["precisions"].values():
        for name in (precision["graph"], precision["tree"], *precision["batches"].values()):
            assert metadata(name) == {"sjdonnx.ids": str(ids), "sjdonnx.max_positions": str(model.manifest["transformer"]["maxPositions"])}
    assert metadata("image_decoder.onnx") == {"sjdonnx.codes": "32", "sjdonnx.pixels_per_code": "2"}


@pytest.mark.parametrize("change", [{"format": 3}, {"extra": 1}, {"name": ""}, {"files": {"../a": {"sha256": "", "bytes": 1}}}])
def test_a_manifest_that_breaks_the_schema_is_not_written(model: Model, change: dict) -> None:
    check_manifest(model.manifest)
    with pytest.raises(ExportError, match="^model.json"):
        check_manifest({**model.manifest, **change})


def test_manifest_describes_the_model(model: Model) -> None:
    manifest = model.manifest
    assert manifest["transformer"] | {"precisions": None} == {
        "layers": 2, "kvHeads": 2, "headDim": 16, "lanes": 2, "maxPositions": 128, "precisions": None, "defaultPrecision": "int8"}
    assert manifest["transformer"]["precisions"]["int8"] == {
        "graph": "transformer.int8.onnx", "batches": {str(n): f"transformer.int8.x{n}.onnx" for n in (2, 4, 8)},
        "tree": "transformer.int8.tree.onnx", "lane": "transformer.int8.lane.onnx", "cache": "float32"}
    assert "lane" not in manifest["transformer"]["precisions"]["fp32"]  # its products gain nothing from it
    assert manifest["image"] == {"graph": "image_decoder.onnx", "pixelsPerCode": 2, "sizes": [[16, 16]]}
    assert manifest["layout"] == {"firstCode": 4, "codes": 32, "rowSuffix": [38], "suffix": [36]}
    assert manifest["format"] == "3.0"
    assert manifest["prompt"] == {"conditional": [0, {"text": "{prompt}"}, 39, 37], "unconditional": [0, 39, 37], "maxTokens": 32,
                                  "negative": None, "cleaning": None}
    assert manifest["sampling"]["order"] == ["guidance", "temperature", "topK", "topP"]
    assert "sequential" not in manifest["decoding"]


def test_shared_weights_are_stored_once(checkpoint: Path) -> None:
    """fp32 and the image decoder read the checkpoint's bytes. int8 adds about one byte for each weight of its matrices."""
    done = run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "fp32,int8,int4", "--share-weights")
    assert done.returncode == 0, done.stderr
    files = json.loads((checkpoint / "model.json").read_text())["files"]
    assert files["transformer.int8.onnx"]["weights"] == ["checkpoint.safetensors", "transformer.int8.data"]
    assert files["transformer.fp32.onnx"]["weights"] == files["image_decoder.onnx"]["weights"] == ["checkpoint.safetensors"]
    size = {name: entry["bytes"] for name, entry in files.items()}
    assert "transformer.fp32.data" not in size and "image_decoder.data" not in size
    assert size["transformer.int4.data"] < size["transformer.int8.data"] < size["checkpoint.safetensors"] / 2


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("share", [False, True])
def test_every_form_of_checkpoint_gives_the_same_graph(checkpoint: Path, runner, tmp_path: Path, dtype: str, share: bool) -> None:
    """Weights in two files, of three types, written to another folder or shared with the checkpoint."""
    tensors = {name: t.float32() for name, t in read_header(checkpoint / "checkpoint.safetensors").items()}
    (checkpoint / "checkpoint.safetensors").unlink()
    names = list(tensors)
    for i, part in enumerate((names[:20], names[20:])):
        write_as(checkpoint / f"model-{i}.safetensors", {name: tensors[name] for name in part}, dtype)
    out = checkpoint if share else tmp_path / "out"
    done = run_export("--checkpoint", checkpoint, "--out", out, "--precision", "fp32", *["--share-weights"] * share)
    assert done.returncode == 0, done.stderr
    listed = json.loads((out / "model.json").read_text())["files"]
    assert ("model-0.safetensors" in listed) == share and ("transformer.fp32.data" in listed) == (not share)
    weights = {name: t.float32().astype(np.float64) for path in checkpoint.glob("*.safetensors") for name, t in read_header(path).items()}
    config, manifest = (json.loads((folder / name).read_text()) for folder, name in ((checkpoint, "config.json"), (out, "model.json")))
    runner.load("form", out / "transformer.fp32.onnx")
    got = Lanes(runner, "form", manifest, "fp32").run(PROMPTS)
    want = np.concatenate([reference.logits(weights, config, prompt)[:, 4:36] for prompt in PROMPTS])
    assert np.abs(got - want).max() < 1e-4


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_graph_can_have_one_lane_or_two(checkpoint: Path, runner, lanes: int) -> None:
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "fp32", "--lanes", lanes).returncode == 0
    runner.load("lanes", checkpoint / "transformer.fp32.onnx")
    model = Model(checkpoint, runner)
    got = Lanes(runner, "lanes", model.manifest, "fp32").run(list(PROMPTS[:lanes]))
    want = [reference.logits(model.weights, model.config, prompt)[:, 4:36] for prompt in PROMPTS[:lanes]]
    np.testing.assert_allclose(got, np.concatenate(want), atol=1e-4)


def test_exporting_again_removes_files_of_other_precisions(checkpoint: Path) -> None:
    for precisions in ("fp32,int8", "fp32"):
        assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", precisions).returncode == 0
    assert not list(checkpoint.glob("transformer.int8.*"))
    assert "transformer.int8.onnx" not in json.loads((checkpoint / "model.json").read_text())["files"]


@pytest.mark.parametrize("given", ["file", "folder"])
def test_exporting_again_keeps_weights_inside_the_model_folder(checkpoint: Path, tmp_path: Path, given: str) -> None:
    """Here those of the image decoder. Those of the transformer are in another folder and are not shared."""
    out = tmp_path / "out"
    out.mkdir()
    tensors = {name: t.float32() for name, t in read_header(checkpoint / "checkpoint.safetensors").items()}
    prefix = "model.vqmodel."
    write_safetensors(checkpoint / "checkpoint.safetensors", {name: a for name, a in tensors.items() if not name.startswith(prefix)})
    write_safetensors(out / "vq.safetensors", {name[len(prefix) :]: a for name, a in tensors.items() if name.startswith(prefix)})
    arguments = [
        "--checkpoint", checkpoint, "--vq", out / "vq.safetensors" if given == "file" else out, "--out", out, "--precision", "fp32",
        "--pictures", ""]
    for share in (True, False):
        done = run_export(*arguments, *["--share-weights"] * share)
        assert done.returncode == 0, done.stderr
        assert "vq.safetensors" in {path.name for path in out.iterdir()}
        listed = json.loads((out / "model.json").read_text())["files"]
        assert ("vq.safetensors" in listed) == share and "transformer.fp32.data" in listed
    assert "vq.safetensors: kept in" in done.stdout


def test_equal_checkpoints_give_equal_bytes(tmp_path: Path) -> None:
    manifests = []
    for name in ("a", "b"):
        tiny.write_checkpoint(tmp_path / name)
        assert run_export(
            "--checkpoint", tmp_path / name, "--out", tmp_path / name, "--name", "same", "--precision", "fp32,int8,int4").returncode == 0
        manifests.append((tmp_path / name / "model.json").read_bytes())
    assert manifests[0] == manifests[1]


def test_columns_are_rounded_to_the_nearest_step() -> None:
    matrix = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
    matrix[:, 3] = 0
    integers, scales = quantize_columns(matrix)
    assert np.abs(integers * scales - matrix).max(axis=0).tolist() <= (scales / 2 + 1e-6).tolist()
    assert np.abs(integers).max() == 127


@pytest.mark.parametrize(("bits", "end"), [(4, 7), (8, 127)])
def test_blocks_are_rounded_to_the_nearest_step(bits: int, end: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
    matrix[3, :32] = 0
    packed, scales = quantize_blocks(matrix, 32, bits=bits)
    assert packed.shape == (16, 2, 4 * bits)
    np.testing.assert_allclose(restore_blocks(packed, scales, bits), matrix, rtol=0, atol=np.abs(scales).max())
    integers = packed.astype(int) - 128 if bits == 8 else np.stack([packed & 15, packed >> 4], axis=-1).reshape(16, 2, 32).astype(int) - 8
    error = np.abs(integers * scales[..., None] - matrix.reshape(16, 2, 32))
    # The error is up to half a step, or a whole step at the end of the range, which is 7 and not 8, or 127 and not 128.
    assert (error <= np.abs(scales[..., None]) * np.where(integers == end, 1.0, 0.5) + 1e-6).all()


def test_half_precision_scales_are_rounded_before_weights_are_divided() -> None:
    matrix = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32) * np.float32(1e-3)
    (packed, scales), (whole, fine) = quantize_blocks(matrix, 32, np.float16), quantize_blocks(matrix, 32)
    np.testing.assert_array_equal(scales, fine.astype(np.float16).astype(np.float32))
    error = np.square(restore_blocks(packed, scales) - matrix).sum()
    assert error <= np.square(restore_blocks(whole, scales) - matrix).sum()


@pytest.mark.parametrize("block", [32, 128])
def test_int4_errors_and_sizes_fit_the_block(tmp_path: Path, runner, block: int) -> None:
    preset = dataclasses.replace(tiny.TINY, hidden=128, inner=256)
    tiny.write_checkpoint(tmp_path / "a", preset)
    done = run_export(
        "--checkpoint", tmp_path / "a", "--out", tmp_path / "b", "--precision", "fp32,int4", "--int4-block", block, "--pictures", "")
    assert done.returncode == 0, done.stderr
    manifest, logits = json.loads((tmp_path / "b" / "model.json").read_text()), {}
    for precision in ("fp32", "int4"):
        runner.load(f"{precision} in blocks", tmp_path / "b" / f"transformer.{precision}.onnx")
        logits[precision] = Lanes(runner, f"{precision} in blocks", manifest, precision).run(PROMPTS)
    assert np.abs(logits["int4"] - logits["fp32"]).std() < 0.4 * logits["fp32"].std()
    # One byte for two weights, four for the scale of each block, one for each weight of the head, two for each of the embedding.
    weights = 2 * (2 * 128 * 128 + 2 * 64 * 128 + 3 * 256 * 128)
    embedding = json.loads((tmp_path / "a" / "config.json").read_text())["vocab_size"] * 128
    size = weights * (1 / 2 + 4 / block) + 32 * 128 + 2 * embedding
    assert (tmp_path / "b" / "transformer.int4.data").stat().st_size == pytest.approx(size, rel=0.01)


def test_the_head_is_not_quantized_in_blocks(model: Model) -> None:
    def products(precision: str, op: str) -> list[str]:
        graph = onnx.load(model.folder / f"transformer.{precision}.onnx", load_external_data=False).graph
        return [node.name for node in graph.node if node.op_type == op]

    for precision in ("int4", "int8-blocks", "int4-fp16", "int8-fp16"):
        assert len(products(precision, "MatMulNBits")) == 4 * 2
    assert products("int4", "MatMulIntegerToFloat") == products("int8-blocks", "MatMulIntegerToFloat") == ["logits.product"]
    assert products("int4-fp16", "MatMul") == products("int8-fp16", "MatMul") == ["head"]


def test_a_matrix_that_does_not_fit_the_blocks_is_named(checkpoint: Path, tmp_path: Path) -> None:
    done = run_export("--checkpoint", checkpoint, "--out", tmp_path / "out", "--precision", "int4", "--int4-block", "128")
    assert_one_sentence(
        done, ["model.layers.0.self_attn.q_proj.weight has 64 inputs; expected a multiple of 128 for int4: try --int4-block 32."])


@pytest.mark.parametrize(("precision", "hidden", "block", "slow"), [
    ("int4-fp16", 128, 32, 0), ("int4-fp16", 128, 128, 4), ("int4-fp16", 96, 32, 3), ("int8-fp16", 96, 32, 0), ("int4", 96, 32, 0)])
def test_products_that_fused_kernels_do_not_take_are_counted(
    tmp_path: Path, precision: str, hidden: int, block: int, slow: int) -> None:
    """Blocks of 128 do not fit, and neither do 96 or 288 outputs at 4 bits."""
    preset = dataclasses.replace(tiny.TINY, hidden=hidden, layers=1, heads=hidden // 32, kv_heads=hidden // 32, inner=128)
    tiny.write_checkpoint(tmp_path / "a", preset)
    done = run_export(
        "--checkpoint", tmp_path / "a", "--out", tmp_path / "b", "--precision", precision, "--int4-block", block, "--pictures", "")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if "fused kernels" in line]
    assert [line.split(": ")[1].split()[0] for line in told] == ([str(slow)] if slow else [])


def test_quantization_json_has_the_error_of_each_matrix(model: Model) -> None:
    written = json.loads((model.folder / "quantization.json").read_text())
    assert set(written) == {"int8", "int8-blocks", "int4", "int4-fp16", "int8-fp16"} and set(written["int8"]) == set(written["int4"])
    assert len(written["int8"]) == 4 * 2 + 1
    matrix = model.weights["model.layers.1.mlp.down_proj.weight"].astype(np.float32)
    integers, scales = quantize_columns(matrix.T)
    restored = {"int8": (integers * scales).T, "int4": restore_blocks(*quantize_blocks(matrix, 32)),
                "int4-fp16": restore_blocks(*quantize_blocks(matrix, 32, np.float16)),
                "int8-blocks": restore_blocks(*quantize_blocks(matrix, 32, bits=8), bits=8),
                "int8-fp16": restore_blocks(*quantize_blocks(matrix, 32, np.float16, bits=8), bits=8)}
    for precision, values in restored.items():
        relative = np.sqrt(((values - matrix) ** 2).mean() / (matrix**2).mean())
        assert written[precision]["layers.1.mlp.down"] == pytest.approx(relative, rel=1e-4)
    assert max(written["int8"].values()) < 0.01 and max(written["int4"].values()) < 0.12
    assert max(written["int8-fp16"].values()) < 0.006
    assert max(error for name, error in written["int8-blocks"].items() if name.startswith("layers")) < 0.006


def write_as(path: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    if dtype != "BF16":
        write_safetensors(path, {name: a.astype({"F32": np.float32, "F16": np.float16}[dtype]) for name, a in tensors.items()})
        return
    # NumPy has no bfloat16: the upper halves of float32, written as F16 and then called BF16 in the header.
    halves = {name: (np.ascontiguousarray(a).view(np.uint32) >> 16).astype(np.uint16).view(np.float16) for name, a in tensors.items()}
    write_safetensors(path, halves)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(b'"F16"', b'"BF16"').rstrip()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
