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

ROTARY_TABLES = ("cos", "sin")


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


@dataclasses.dataclass(frozen=True)
class Variant:
    """A graph of the transformer. Variants of one precision share all weights and differ in their attention alone."""

    graph: Graph
    lanes: int  # sequences in a Run
    tree: bool = False  # whether the new tokens of a lane may form a tree instead of a chain


class TransformerGraph:
    """Adds the whole transformer to several graphs at once.

    Hidden states are [1, S, hidden]. The addition to the residual stream is part of the norm that follows it, so what
    travels between blocks is the pair (what the last block added, stream before that).
    """

    def __init__(self, variants: Sequence[Variant], weights: Weights, precision: Precision, source: Source) -> None:
        self._variants, self._weights, self._precision, self._source = variants, weights, precision, source
        self._graph = weights.graph
        self._shape = source.shape
        self._dtype = np.float16 if precision.type == FLOAT16 else np.float32

    def build(self) -> None:
        graph, shape = self._graph, self._shape
        ids = graph.input(contract.INPUT_IDS, INT64, [1, "S"])
        rows = graph.input(contract.LOGITS_ROWS, INT64, ["R"])
        for variant in self._variants:
            self._add_lanes(variant)

        stream, addition = self._embed(ids), None
        for index in range(shape.layers):
            layer = self._source.layer(index)
            name = f"layers.{index}"
            x, stream = self._norm(f"{name}.attention_norm", stream, addition, layer.attention_norm)
            addition = self._attention(f"{name}.attention", index, layer, x)
            x, stream = self._norm(f"{name}.mlp_norm", stream, addition, layer.mlp_norm)
            addition = self._mlp(f"{name}.mlp", layer, x)
        self._logits(rows, graph.node("Add", "stream", [stream, addition]))

    def _add_lanes(self, variant: Variant) -> None:
        graph = variant.graph
        graph.input(contract.LANE_LENGTHS, INT64, [variant.lanes])
        for lane in range(variant.lanes):
            graph.input(contract.seqlens_k(lane), INT32, [1])
            graph.input(contract.total_sequence_length(lane), INT32, [])
        self._add_rotary_tables(variant)
        if variant.tree:
            lengths = graph.nodes("Split", [f"lane_length.{lane}" for lane in range(variant.lanes)], [contract.LANE_LENGTHS], axis=0, num_outputs=variant.lanes)
            for lane, length in enumerate(lengths):
                self._add_tree(graph, lane, length)

    def _add_tree(self, graph: Graph, lane: int, length: str) -> None:
        """The bias among the new tokens, made as wide as attention wants it: every new token sees the whole cache."""
        graph.input(contract.position_ids(lane), INT64, [1, f"S.{lane}"])
        among_new = graph.input(contract.attention_bias(lane), FLOAT, [1, 1, f"S.{lane}", f"S.{lane}"])
        total = graph.node("Cast", f"tree.{lane}.total", [contract.total_sequence_length(lane)], to=INT64)
        cached = graph.node("Sub", f"tree.{lane}.cached", [total, length])  # [1]
        before, after = (graph.constant(np.zeros(zeros, np.int64), f"tree.{lane}.{zeros}") for zeros in (3, 4))
        pads = graph.node("Concat", f"tree.{lane}.pads", [before, cached, after], axis=0)  # on the left of the last axis
        bias = graph.node("Pad", f"tree.{lane}.bias", [among_new, pads])
        if self._precision.type != FLOAT:
            graph.node("Cast", f"tree.{lane}.cast", [bias], to=self._precision.type)

    def _bias(self, lane: int) -> str:
        return f"tree.{lane}.{'bias' if self._precision.type == FLOAT else 'cast'}"

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
        joined = f"{name}.joined"  # [1, S, heads head_dim]
        for variant in self._variants:
            lanes = [f"{name}.qkv.{lane}" for lane in range(variant.lanes)]
            variant.graph.nodes("Split", lanes, [qkv, contract.LANE_LENGTHS], axis=1)
            attended = [self._attend(variant, f"{name}.lane.{lane}", index, lane, packed) for lane, packed in enumerate(lanes)]
            variant.graph.node("Concat", joined, attended, axis=1)
        return precision.linear(f"{name}.output", precision.rows(joined, joined), [layer.output])

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

    def _attend(self, variant: Variant, name: str, index: int, lane: int, packed: str) -> str:
        graph, shape, type = variant.graph, self._shape, self._precision.type
        cache = [1, shape.kv_heads, "M", shape.head_dim]
        past = [graph.input(contract.past(index, lane, part), type, cache) for part in ("key", "value")]
        present = [contract.present(index, lane, part) for part in ("key", "value")]
        tree = [contract.position_ids(lane), self._bias(lane)] if variant.tree else []
        graph.nodes(
            "GroupQueryAttention", [name, *present],
            [packed, "", "", *past, contract.seqlens_k(lane), contract.total_sequence_length(lane), *ROTARY_TABLES, *tree],
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

    def _add_rotary_tables(self, variant: Variant) -> None:
        """cos and sin [places in the cache, head_dim / 2], angles in double precision."""
        shape = self._shape
        places = shape.max_positions + (contract.MOST_BRANCHES if variant.tree else 0)
        frequencies = shape.rope_theta ** (-np.arange(0, shape.head_dim, 2) / shape.head_dim)
        angles = np.arange(places)[:, None] * frequencies
        for name, table in zip(ROTARY_TABLES, (np.cos(angles), np.sin(angles))):
            variant.graph.constant(table.astype(self._dtype), name)

    def _vector(self, values: np.ndarray) -> str:
        """Norm weights: small, so they lie in the graph file."""
        return self._graph.constant(values.astype(self._dtype))
