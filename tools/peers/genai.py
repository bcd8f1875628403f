"""Turns the exporter's graph for one lane into a folder for onnxruntime-genai.

The nodes stay as they are, except that ids have the shape [batch, length], lengths follow from the attention mask, attention takes the
whole batch, and logits have an entry for each id of the vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sjdexport.shapes import infer

BLOCK = 32  # weights that share a scale
ABSENT = -1e9  # the logit of an id that is no code


def padding(manifest: dict, vocabulary: int) -> int:
    """The last id that neither begins nor frames an image nor is a code. It also stands for the end, which never comes."""
    layout, lane = manifest["layout"], manifest["prompt"]["conditional"]
    codes = range(layout["firstCode"], layout["firstCode"] + layout["codes"])
    return next(id for id in reversed(range(vocabulary)) if id not in codes and id not in lane)


def convert(graph: Path, out: Path, manifest: dict, blocks: bool = False) -> int:
    """Returns the id of the padding; writes model.onnx, its weights and genai_config.json into `out`.

    With `blocks`, float32 matrices are rounded to 8 bits in blocks of 32, as the model builder of onnxruntime-genai does.
    """
    model = onnx.load(str(graph))  # with its weights
    vocabulary = next(int(entry.value) for entry in model.metadata_props if entry.key == "sjdonnx.ids")
    del model.metadata_props[:]
    _batch(model.graph, manifest["layout"], vocabulary)
    if blocks:
        _round_to_blocks(model.graph)
    out.mkdir(parents=True)
    onnx.save(model, str(out / "model.onnx"), save_as_external_data=True, location="model.onnx.data")
    (out / "genai_config.json").write_text(json.dumps(_config(manifest, vocabulary), indent=2) + "\n")
    return padding(manifest, vocabulary)


def _batch(graph: onnx.GraphProto, layout: dict, vocabulary: int) -> None:
    alias: dict[str, str] = {}
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["ids.shape"]),
        helper.make_node("ReduceSum", ["attention_mask", "axis"], ["lengths"], keepdims=0),
        helper.make_node("Sub", ["lengths", "one"], ["lengths.minus_one"]),
        helper.make_node("Cast", ["lengths.minus_one"], ["seqlens_k"], to=TensorProto.INT32),
        helper.make_node("Shape", ["attention_mask"], ["total"], start=1, end=2),
        helper.make_node("Squeeze", ["total"], ["total.scalar"]),
        helper.make_node("Cast", ["total.scalar"], ["total_sequence_length"], to=TensorProto.INT32),
    ]
    constants = {"axis": np.array([1]), "one": np.array(1), "absent": np.array(ABSENT, np.float32),
                 "pads": np.array([0, 0, layout["firstCode"], 0, 0, vocabulary - layout["firstCode"] - layout["codes"]])}
    values = {each.name: each for each in graph.initializer}
    for node in graph.node:
        inputs = [_renamed(alias.get(name, name)) for name in node.input]
        if (node.op_type == "Split" and "lane_lengths" in inputs) or (node.op_type == "Concat" and len(inputs) == 1) or (
                node.op_type == "Gather" and "logits_rows" in inputs):
            alias[node.output[0]] = inputs[0]
            continue
        if node.op_type == "Reshape" and list(numpy_helper.to_array(values[inputs[1]])[:2]) == [1, -1]:
            last = f"{node.output[0]}.last"
            constants[last] = numpy_helper.to_array(values[inputs[1]])[2:]
            nodes.append(helper.make_node("Concat", ["ids.shape", last], [f"{last}.shape"], axis=0))
            inputs[1] = f"{last}.shape"
        outputs = ["codes.logits" if name == "logits" else _renamed(name) for name in node.output]
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.extend(outputs)
        nodes.append(node)
    nodes.append(helper.make_node("Pad", ["codes.logits", "pads", "absent"], ["logits"]))
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())

    caches = [each for each in graph.input if each.name.startswith("past.")]
    shape = [each.dim_value for each in caches[0].type.tensor_type.shape.dim]
    cache = ["batch", shape[1], "slots", shape[3]]
    inputs = [("input_ids", TensorProto.INT64, ["batch", "length"]), ("attention_mask", TensorProto.INT64, ["batch", "total"])]
    inputs += [(_renamed(each.name), TensorProto.FLOAT, cache) for each in caches]
    outputs = [("logits", TensorProto.FLOAT, ["batch", "length", vocabulary])]
    outputs += [(_renamed(each.name), TensorProto.FLOAT, cache) for each in graph.output if each.name.startswith("present.")]
    for field, all in ((graph.input, inputs), (graph.output, outputs)):
        del field[:]
        field.extend(helper.make_tensor_value_info(*each) for each in all)
    nodes = nodes.copy()
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(infer(graph))


def _renamed(name: str) -> str:
    """The usual names of a decoder's inputs and outputs."""
    kind, *rest = name.split(".")
    if kind in ("past", "present") and len(rest) == 3:
        layer, _, part = rest
        return f"{'past_key_values' if kind == 'past' else kind}.{layer}.{part}"
    return {"seqlens_k.0": "seqlens_k", "total_sequence_length.0": "total_sequence_length"}.get(name, name)


def _round_to_blocks(graph: onnx.GraphProto) -> None:
    """Puts MatMulNBits in the place of each product with a matrix [inputs, outputs]. A zero is stored as 128."""
    values = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in values:
            continue
        name = node.input[1]
        matrix = numpy_helper.to_array(values[name]).T
        outputs, inputs = matrix.shape
        parts = matrix.reshape(outputs, inputs // BLOCK, BLOCK)
        scales = np.abs(parts).max(axis=2) / 127
        rounded = (np.rint(parts / np.maximum(scales, 1e-30)[..., None]) + 128).astype(np.uint8)
        graph.initializer.remove(values.pop(name))
        graph.initializer.extend([
            numpy_helper.from_array(rounded, name), numpy_helper.from_array(scales.reshape(-1).astype(np.float32), f"{name}.scales")])
        node.CopyFrom(helper.make_node(
            "MatMulNBits", [node.input[0], name, f"{name}.scales"], list(node.output), domain="com.microsoft",
            K=inputs, N=outputs, bits=8, block_size=BLOCK, accuracy_level=4))


def _config(manifest: dict, vocabulary: int) -> dict:
    """The content of genai_config.json."""
    transformer, never = manifest["transformer"], padding(manifest, vocabulary)
    return {
        "model": {
            "type": "llama", "bos_token_id": never, "eos_token_id": never, "pad_token_id": never, "vocab_size": vocabulary,
            "context_length": transformer["maxPositions"],
            "decoder": {
                "filename": "model.onnx", "head_size": transformer["headDim"], "num_attention_heads": transformer["kvHeads"],
                "num_key_value_heads": transformer["kvHeads"], "num_hidden_layers": transformer["layers"],
                "hidden_size": transformer["kvHeads"] * transformer["headDim"], "session_options": {"provider_options": []},
                "inputs": {"input_ids": "input_ids", "attention_mask": "attention_mask",
                           "past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value"},
                "outputs": {"logits": "logits", "present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
            },
        },
        "search": {"do_sample": False, "num_beams": 1, "max_length": transformer["maxPositions"], "past_present_share_buffer": True},
    }
