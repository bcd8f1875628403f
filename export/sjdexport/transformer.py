"""The transformer over lanes: all lanes' new tokens in one row of tokens, attention per lane, weights read once per Run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from . import contract
from .graph import FLOAT, FLOAT16, INT32, INT64, Graph
from .precision import MICROSOFT, Precision
from .safetensors import Tensor
from .weights import TYPES, Weights


@dataclasses.dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_epsilon: float
    rope_theta: float
    max_positions: int
    codes: int

    @property
    def packed_heads(self) -> int:
        return self.heads + 2 * self.kv_heads


@dataclasses.dataclass(frozen=True)
class HeadNorm:
    """LayerNorm over each head of the queries and keys, before the rotation. [heads + kv heads, head dim] each."""

    gamma: np.ndarray
    beta: np.ndarray
    epsilon: float


@dataclasses.dataclass(frozen=True)
class Layer:
    attention_norm: np.ndarray  # [hidden]
    qkv: Sequence[Tensor]  # together [(heads + 2 kv heads) head dim, hidden]
    head_norm: HeadNorm | None
    output: Tensor  # [hidden, heads head dim]
    mlp_norm: np.ndarray  # [hidden]
    gate: Tensor  # [inner, hidden]
    up: Tensor  # [inner, hidden]
    down: Tensor  # [hidden, inner]


class Source(Protocol):
    """A checkpoint, in terms of its architecture. Layers are read when they are asked for, so one at a time is in memory."""

    shape: Shape
    embedding: Tensor  # [vocabulary, hidden]
    final_norm: np.ndarray  # [hidden]
    head: Tensor  # [codes, hidden], rows in code order

    def layer(self, index: int) -> Layer: ...


class TransformerGraph:
    """Adds the whole transformer to a graph.

    Hidden states are [1, S, hidden]. The addition to the residual stream is part of the norm that follows it, so what
    travels between blocks is the pair (what the last block added, stream before that).
    """

    def __init__(self, graph: Graph, weights: Weights, precision: Precision, source: Source, lanes: int) -> None:
        self._graph, self._weights, self._precision, self._source = graph, weights, precision, source
        self._shape = source.shape
        self._lanes = range(lanes)
        self._dtype = np.float16 if precision.type == FLOAT16 else np.float32

    def build(self) -> None:
        graph, shape = self._graph, self._shape
        ids = graph.input(contract.INPUT_IDS, INT64, [1, "S"])
        graph.input(contract.LANE_LENGTHS, INT64, [len(self._lanes)])
        rows = graph.input(contract.LOGITS_ROWS, INT64, ["R"])
        for lane in self._lanes:
            graph.input(contract.seqlens_k(lane), INT32, [1])
            graph.input(contract.total_sequence_length(lane), INT32, [])
        self._rotary = self._rotary_tables()

        stream, addition = self._embed(ids), None
        for index in range(shape.layers):
            layer = self._source.layer(index)
            name = f"layers.{index}"
            x, stream = self._norm(f"{name}.attention_norm", stream, addition, layer.attention_norm)
            addition = self._attention(f"{name}.attention", index, layer, x)
            x, stream = self._norm(f"{name}.mlp_norm", stream, addition, layer.mlp_norm)
            addition = self._mlp(f"{name}.mlp", layer, x)
        self._logits(rows, graph.node("Add", "stream", [stream, addition]))

    def _embed(self, ids: str) -> str:
        table = self._source.embedding
        rows = self._graph.node("Gather", "embedding", [self._weights.stored(table), ids])
        if TYPES[table.dtype] == self._precision.type:
            return rows
        return self._graph.node("Cast", "embedding.cast", [rows], to=self._precision.type)

    def _norm(self, name: str, stream: str, addition: str | None, weight: np.ndarray) -> tuple[str, str]:
        """The normalised sum of stream and addition, and the sum itself."""
        gamma = self._vector(weight)
        if addition is None:
            return self._graph.node("SimplifiedLayerNormalization", name, [stream, gamma], axis=-1, epsilon=self._shape.norm_epsilon), stream
        outputs = [name, "", "", f"{name}.stream"]
        self._graph.nodes("SkipSimplifiedLayerNormalization", outputs, [addition, stream, gamma], MICROSOFT, epsilon=self._shape.norm_epsilon)
        return name, outputs[3]

    def _attention(self, name: str, index: int, layer: Layer, x: str) -> str:
        graph, shape, precision = self._graph, self._shape, self._precision
        qkv = precision.linear(f"{name}.qkv", precision.rows(f"{name}.input", x), layer.qkv)
        if layer.head_norm is not None:
            qkv = self._head_norm(f"{name}.head_norm", qkv, layer.head_norm)
        lanes = graph.nodes("Split", [f"{name}.qkv.{lane}" for lane in self._lanes], [qkv, contract.LANE_LENGTHS], axis=1)
        attended = [self._attend(f"{name}.lane.{lane}", index, lane, packed) for lane, packed in zip(self._lanes, lanes)]
        joined = graph.node("Concat", f"{name}.joined", attended, axis=1)  # [1, S, heads head_dim]
        return precision.linear(f"{name}.output", precision.rows(f"{name}.joined", joined), [layer.output])

    def _head_norm(self, name: str, qkv: str, norm: HeadNorm) -> str:
        """LayerNorm over the query and key heads of packed [1, S, (heads + 2 kv heads) head_dim]; values pass."""
        graph, shape = self._graph, self._shape
        normed = shape.heads + shape.kv_heads
        heads = graph.node("Reshape", f"{name}.heads", [qkv, graph.constant(np.array([-1, shape.packed_heads, shape.head_dim]))])
        queries_keys, values = graph.nodes(
            "Split", [f"{name}.queries_keys", f"{name}.values"], [heads, graph.constant(np.array([normed, shape.kv_heads]))], axis=1
        )
        gamma, beta = self._vector(norm.gamma[None]), self._vector(norm.beta[None])  # [1, normed heads, head_dim]
        queries_keys = graph.node("LayerNormalization", name, [queries_keys, gamma, beta], axis=-1, epsilon=norm.epsilon)
        joined = graph.node("Concat", f"{name}.joined", [queries_keys, values], axis=1)
        return graph.node("Reshape", f"{name}.packed", [joined, graph.constant(np.array([1, -1, shape.packed_heads * shape.head_dim]))])

    def _attend(self, name: str, index: int, lane: int, packed: str) -> str:
        graph, shape, type = self._graph, self._shape, self._precision.type
        cache = [1, shape.kv_heads, "M", shape.head_dim]
        past = [graph.input(contract.past(index, lane, part), type, cache) for part in ("key", "value")]
        present = [contract.present(index, lane, part) for part in ("key", "value")]
        graph.nodes(
            "GroupQueryAttention", [name, *present],
            [packed, "", "", *past, contract.seqlens_k(lane), contract.total_sequence_length(lane), *self._rotary],
            MICROSOFT, num_heads=shape.heads, kv_num_heads=shape.kv_heads, do_rotary=1, rotary_interleaved=0,
        )
        for output in present:
            graph.output(output, type, cache)
        return name

    def _mlp(self, name: str, layer: Layer, x: str) -> str:
        """down(silu(gate(x)) * up(x)), gate and up in one product."""
        graph, precision = self._graph, self._precision
        both = precision.linear(f"{name}.gate_up", precision.rows(f"{name}.input", x), [layer.gate, layer.up])
        gate, up = graph.nodes("Split", [f"{name}.gate", f"{name}.up"], [both], axis=2, num_outputs=2)
        gate = graph.node("QuickGelu", f"{name}.silu", [gate], MICROSOFT, alpha=1.0)  # x sigmoid(1 x), which is silu
        inner = graph.node("Mul", f"{name}.inner", [gate, up])
        return precision.linear(f"{name}.down", precision.rows(f"{name}.inner", inner), [layer.down])

    def _logits(self, rows: str, stream: str) -> None:
        """Rows are picked before the final norm, so that a prefill pays for one row of the head and not for all."""
        graph, precision = self._graph, self._precision
        wanted = graph.node("Gather", "wanted", [stream, rows], axis=1)
        x, _ = self._norm("final_norm", wanted, None, self._source.final_norm)
        head_rows = precision.rows("head.input", x)
        if precision.type == FLOAT:
            precision.linear(contract.LOGITS, head_rows, [self._source.head])
        else:
            graph.node("Cast", contract.LOGITS, [precision.linear("head", head_rows, [self._source.head])], to=FLOAT)
        graph.output(contract.LOGITS, FLOAT, [1, "R", self._shape.codes])

    def _rotary_tables(self) -> list[str]:
        """cos and sin [positions, head_dim / 2], angles in double precision."""
        shape = self._shape
        frequencies = shape.rope_theta ** (-np.arange(0, shape.head_dim, 2) / shape.head_dim)
        angles = np.arange(shape.max_positions)[:, None] * frequencies
        return [self._graph.constant(table.astype(self._dtype), name) for name, table in (("cos", np.cos(angles)), ("sin", np.sin(angles)))]

    def _vector(self, values: np.ndarray) -> str:
        """Norm weights: small, so they lie in the graph file."""
        return self._graph.constant(values.astype(self._dtype))
