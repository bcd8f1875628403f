"""ONNX Runtime cannot run bf16 on the CPU, so bf16 graphs are compared with those at fp16, which run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

FLOAT16, BFLOAT16 = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16


def assert_bf16_is_fp16_in_another_type(fp16: Path, bf16: Path) -> None:
    """The graphs have the same nodes, with bfloat16 instead of float16, and weights that differ by rounding."""
    half, brain = (onnx.load(file, load_external_data=False).graph for file in (fp16, bf16))
    assert len(half.node) == len(brain.node)
    for node, other in zip(half.node, brain.node):
        for attribute in node.attribute:
            if (node.op_type, attribute.name, attribute.i) == ("Cast", "to", FLOAT16):
                attribute.i = BFLOAT16
        assert node == other
    for values, others in ((half.input, brain.input), (half.output, brain.output)):
        types = {value.name: value.type.tensor_type.elem_type for value in others}
        assert types == {v.name: BFLOAT16 if v.type.tensor_type.elem_type == FLOAT16 else v.type.tensor_type.elem_type for v in values}
    tensors = {tensor.name: tensor for tensor in brain.initializer}
    assert any(tensor.data_type == FLOAT16 for tensor in half.initializer)
    for tensor in half.initializer:
        other = tensors[tensor.name]
        assert other.data_type == (BFLOAT16 if tensor.data_type == FLOAT16 else tensor.data_type) and other.dims == tensor.dims
        if tensor.data_type == FLOAT16:
            values = (np.frombuffer(other.raw_data, np.uint16).astype(np.uint32) << 16).view(np.float32)
            np.testing.assert_allclose(values, np.frombuffer(tensor.raw_data, np.float16), rtol=0.005, atol=1e-6)
