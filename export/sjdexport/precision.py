"""Storage and multiplication of matrices, one class for each precision.

All products are row-wise: a row of the result depends only on the same row of the input. Speculative decoding is exact only if a draft
cannot change the logits of tokens before it, so no scale may span several rows of a Run. That is why com.microsoft:DynamicQuantizeMatMul is
not used.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from .errors import ExportError
from .graph import BFLOAT16, FLOAT, FLOAT16, Graph
from .tensors import Tensor
from .weights import LARGEST, Weights

MICROSOFT = "com.microsoft"


class Precision(Protocol):
    """The type of activations, keys and values, and how products are computed."""

    type: int
    head: Precision  # the precision of the head, whose type is the same
    errors: dict[str, float]  # for each quantized matrix: RMS of the rounding error, relative to the RMS of the matrix
    unfused: list[str]  # the products with quantized matrices for which GPUs have only a slow kernel

    def rows(self, name: str, x: str) -> Sequence[str]:
        """The inputs of `linear` for x [1, S, K], computed once for all products of the same x."""

    def linear(self, name: str, rows: Sequence[str], matrices: Sequence[Tensor]) -> str:
        """x times the transposed matrices [N, K], side by side: [1, S, sum of N]."""


class Float:
    """Weights in the type of the activations."""

    def __init__(self, graph: Graph, weights: Weights, type: int) -> None:
        self.type, self.head = type, self
        self.errors: dict[str, float] = {}
        self.unfused: list[str] = []
        self._graph, self._weights = graph, weights

    def rows(self, name: str, x: str) -> Sequence[str]:
        return [x]

    def linear(self, name: str, rows: Sequence[str], matrices: Sequence[Tensor]) -> str:
        return self._graph.node("MatMul", name, [*rows, self._weights.columns(name, matrices, self.type)])


class Int8:
    """uint8 rows times int8 columns, with a scale for each row of activations, measured in the Run, and a scale for each output column.

    A row is divided by its largest magnitude and rounded to steps of 1/127. The product is multiplied by that magnitude. Rows are uint8
    with zero point 128, because ONNX Runtime has fast kernels for that (int8 times int8 is 50 times slower). A row of zeros becomes 0/0,
    rounded to arbitrary integers, but its product is multiplied by 0.
    """

    type = FLOAT
    STEPS = 127

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.head = self
        self.errors: dict[str, float] = {}
        self.unfused: list[str] = []
        self._graph, self._weights = graph, weights

    def rows(self, name: str, x: str) -> Sequence[str]:
        graph = self._graph
        magnitude = graph.node("Abs", f"{name}.abs", [x])
        largest = graph.node("ReduceMax", f"{name}.largest", [magnitude, graph.constant(np.array([2]))], keepdims=1)  # [1, S, 1]
        unit = graph.node("Div", f"{name}.unit", [x, largest])
        quantized = graph.node(
            "QuantizeLinear", f"{name}.uint8", [unit, graph.constant(np.float32(1 / self.STEPS)), graph.constant(np.uint8(128))])
        return [quantized, largest]

    def linear(self, name: str, rows: Sequence[str], matrices: Sequence[Tensor]) -> str:
        graph, (quantized, largest) = self._graph, rows
        columns, scales = self._quantize(name, matrices)
        product = graph.node(
            "MatMulIntegerToFloat", f"{name}.product",
            [quantized, self._weights.append(f"{name}.int8", columns), graph.constant(np.float32(1)),
             graph.constant(scales / np.float32(self.STEPS)), graph.constant(np.uint8(128)), graph.constant(np.int8(0))],
            MICROSOFT,
        )
        return graph.node("Mul", name, [product, largest])

    def _quantize(self, name: str, matrices: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """int8 [K, N] and scales [N] of the matrices side by side."""
        columns = np.empty((matrices[0].shape[1], sum(m.shape[0] for m in matrices)), np.int8)
        scales = np.empty(columns.shape[1], np.float32)
        error, first = RelativeError(), 0
        for block in (block for matrix in matrices for block in matrix.row_blocks()):
            part = slice(first, first + len(block))
            columns[:, part], scales[part] = quantize_columns(block.T)
            error.add(block.T, columns[:, part] * scales[part])
            first = part.stop
        self.errors[name] = error.value
        return columns, scales


class Blocks:
    """MatMulNBits with 4 or 8 bits: blocks of weights share a scale, and the zero point is the middle of the range.

    The CPU's kernel quantizes activations to int8, in blocks of a row. CUDA's fused kernels take half-precision activations; they need
    blocks of 32 and as many outputs as `FUSED_OUTPUTS` divides. The head has a finer precision, because nothing follows that could
    compensate its rounding errors, and it is a small part of all weights.
    """

    def __init__(self, graph: Graph, weights: Weights, type: int, bits: int, block: int) -> None:
        self.type = type
        self.head = Int8(graph, weights) if type == FLOAT else Float(graph, weights, type)
        self.errors, self.unfused = self.head.errors, self.head.unfused
        self._graph, self._weights, self._bits, self._block = graph, weights, bits, block

    def rows(self, name: str, x: str) -> Sequence[str]:
        return [x]

    def linear(self, name: str, rows: Sequence[str], matrices: Sequence[Tensor]) -> str:
        bits, block = self._bits, self._block
        for matrix in matrices:
            if matrix.shape[1] % block:
                finer = "--int4-block 32" if block > 32 else "another --precision"
                raise ExportError(
                    f"{matrix.name} has {matrix.shape[1]} inputs; expected a multiple of {block} for int{bits}: try {finer}.")
        error, parts, scale_type = RelativeError(), [], {FLOAT: np.float32, FLOAT16: np.float16}[self.type]
        for values in (values for matrix in matrices for values in matrix.row_blocks(LARGEST[self.type])):
            packed, steps = quantize_blocks(values, block, scale_type, bits)
            error.add(values, restore_blocks(packed, steps, bits))
            parts.append((packed, steps))
        self.errors[name] = error.value
        blocks, scales = (np.concatenate(each) for each in zip(*parts))
        if self.type != FLOAT and (block != FUSED_BLOCK or len(blocks) % FUSED_OUTPUTS[bits]):
            self.unfused.append(name)
        return self._graph.node(
            "MatMulNBits", name,
            [*rows, self._weights.append(f"{name}.int{bits}", blocks), self._weights.append(f"{name}.scales", scales, self.type)],
            MICROSOFT,
            K=matrices[0].shape[1], N=len(blocks), bits=bits, block_size=block, accuracy_level=4,
        )


class RelativeError:
    """The RMS of a rounding error relative to the RMS of the matrix, accumulated over parts."""

    def __init__(self) -> None:
        self._difference = self._whole = 0.0

    def add(self, matrix: np.ndarray, restored: np.ndarray) -> None:
        self._difference += float(np.square(restored - matrix).sum(dtype=np.float64))
        self._whole += float(np.square(matrix).sum(dtype=np.float64))

    @property
    def value(self) -> float:
        return math.sqrt(self._difference / self._whole) if self._whole else 0.0


def quantize_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [K, N] and float32 scales [N] of a float32 matrix [K, N]."""
    scales = np.abs(matrix).max(axis=0) / 127
    scales[scales == 0] = 1  # a column of zeros
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)


def quantize_blocks(matrix: np.ndarray, block: int, scale_type: type = np.float32, bits: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Blocks uint8 [N, K / block, block bits / 8] and float32 scales [N, K / block] of a matrix [N, K].

    Stored integers are 0..15 with zero point 8, even weights in the low halves of bytes, or 0..255 with zero point 128. The weight of
    largest magnitude becomes the least integer, because the range reaches further there. Scales are rounded to `scale_type` before weights
    are divided by them. K is a multiple of the block.
    """
    n, k = matrix.shape
    zero = 1 << bits - 1
    blocks = matrix.reshape(n, k // block, block)
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2, keepdims=True), axis=2)
    scales = (extreme / -zero).astype(scale_type).astype(np.float32)
    scales[scales == 0] = 1
    integers = np.clip(np.rint(blocks / scales) + zero, 0, 2 * zero - 1).astype(np.uint8)
    return integers if bits == 8 else integers[..., 0::2] | integers[..., 1::2] << 4, scales[..., 0]


def restore_blocks(packed: np.ndarray, scales: np.ndarray, bits: int = 4) -> np.ndarray:
    """The float32 matrix [N, K] that the result of `quantize_blocks` represents."""
    integers = packed if bits == 8 else np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:2], -1)
    return ((integers.astype(np.float32) - (1 << bits - 1)) * scales[..., None]).reshape(len(packed), -1)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A choice of --precision."""

    cache: str  # the type of keys and values in model.json
    on: Callable[[Graph, Weights, int], Precision]  # the integer is the block size of int4
    by_lane: bool = False  # whether Runs side by side may read a lane each: weights are integers for CPUs and fit their caches


def _float(type: int, graph: Graph, weights: Weights, block: int) -> Precision:
    return Float(graph, weights, type)


def _int8(graph: Graph, weights: Weights, block: int) -> Precision:
    return Int8(graph, weights)


def _int4(type: int, graph: Graph, weights: Weights, block: int) -> Precision:
    return Blocks(graph, weights, type, 4, block)


def _int8_blocks(type: int, graph: Graph, weights: Weights, block: int) -> Precision:
    return Blocks(graph, weights, type, 8, FUSED_BLOCK)


INT4_BLOCKS = (32, 128)

# CUDA's fused kernels of ONNX Runtime 1.31 (fpA_intB) take products with blocks of FUSED_BLOCK and, by bits, multiples of FUSED_OUTPUTS.
# For other products, it restores the weights to half precision in each Run.
FUSED_BLOCK = 32
FUSED_OUTPUTS = {4: 64, 8: 32}

PRECISIONS = {
    "fp32": Kind("float32", functools.partial(_float, FLOAT)),
    "fp16": Kind("float16", functools.partial(_float, FLOAT16)),
    "bf16": Kind("bfloat16", functools.partial(_float, BFLOAT16)),
    "int8": Kind("float32", _int8, by_lane=True),
    "int4": Kind("float32", functools.partial(_int4, FLOAT), by_lane=True),
    "int4-fp16": Kind("float16", functools.partial(_int4, FLOAT16)),
    "int8-blocks": Kind("float32", functools.partial(_int8_blocks, FLOAT), by_lane=True),
    "int8-fp16": Kind("float16", functools.partial(_int8_blocks, FLOAT16)),
}
