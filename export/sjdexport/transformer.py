"""The transformer over lanes: the new tokens of all lanes form one row of tokens, and only attention is separate for each lane."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from . import contract
from .denoising import Denoising
from .graph import FLOAT, INT32, INT64, Graph
from .precision import MICROSOFT, Precision
from .rotary import Rotary
from .tensors import Tensor
from .weights import Weights

ROTARY_TABLES = ("cos", "sin")


@dataclasses.dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_epsilon: float
    rotary: Rotary
    max_positions: int
    codes: int
    norm_after: bool = False  # whether norms come after blocks (swin) instead of before
    attention_scale: float | None = None  # factor for products of queries and keys; None: head_dim**-0.5
    encoded_text: bool = False  # whether there are the inputs `condition`, whose rows are ids past the embedding, and `position_offset`

    @property
    def packed_heads(self) -> int:
        return self.heads + 2 * self.kv_heads


@dataclasses.dataclass(frozen=True)
class HeadNorm:
    """LayerNorm over each head of the queries and keys, before the rotation.

    Both gamma and beta have a tensor for queries and one for keys, [rows, head dim] or a single row [head dim]. Consecutive heads share a
    row.
    """

    gamma: tuple[Tensor, Tensor]
    beta: tuple[Tensor, Tensor]
    epsilon: float


@dataclasses.dataclass(frozen=True)
class Linear:
    """A product with matrices [outputs, inputs], with outputs side by side, plus a bias [outputs] for each matrix, if there are any."""

    matrices: Sequence[Tensor]
    biases: Sequence[Tensor] = ()


@dataclasses.dataclass(frozen=True)
class Layer:
    attention_norm: Tensor  # [hidden]
    qkv: Sequence[Tensor]  # one matrix or several, together [(heads + 2 kv heads) head dim, hidden]
    head_norm: HeadNorm | None
    output: Tensor  # [hidden, heads head dim]
    mlp_norm: Tensor  # [hidden]
    gate: Tensor  # [inner, hidden]
    up: Tensor  # [inner, hidden]
    down: Tensor  # [hidden, inner]


class Source(Protocol):
    """The parts of a checkpoint's transformer. Layers are read on demand, so one at a time is in memory."""

    shape: Shape
    embedding: Sequence[Tensor]  # [ids, hidden] each; the ids of a table follow those of the table before it
    final_norm: Tensor  # [hidden]
    head: Sequence[Linear]  # with GELU (by the error function) between them; the last one has a row for each code, in the order of codes

    def layer(self, index: int) -> Layer: ...


@dataclasses.dataclass(frozen=True)
class Variant:
    """A graph of the transformer. Variants of one precision share all weights and differ only in attention."""

    graph: Graph
    lanes: int  # sequences in a Run
    tree: bool = False  # whether the new tokens of a lane may form a tree instead of a chain


class TransformerGraph:
    """Adds the whole transformer to several graphs at once.

    Hidden states are [1, S, hidden]. The norm after a block also adds the block's output to the residual stream, so blocks pass on two
    values: the last block's output, and the stream before it.
    """

    def __init__(
        self, variants: Sequence[Variant], weights: Weights, precision: Precision, source: Source,
        denoising: Denoising | None = None) -> None:
        self._variants, self._weights, self._precision, self._source, self._denoising = variants, weights, precision, source, denoising
        self._graph = weights.graph
        self._shape = source.shape

    def build(self, advance: Callable[[], None] = lambda: None) -> None:
        """Adds everything. `advance` is called after each layer."""
        graph, shape = self._graph, self._shape
        ids = graph.input(contract.INPUT_IDS, INT64, [1, "S"])
        rows = graph.input(contract.LOGITS_ROWS, INT64, ["R"])
        for variant in self._variants:
            self._add_lanes(variant)

        stream, addition = self._embed(ids), None
        if self._denoising is not None:
            stream = self._denoising.build(graph, self._weights, stream, self._precision.type)
        for index in range(shape.layers):
            layer = self._source.layer(index)
            attention = functools.partial(self._attention, index)
            for part, weight, block in (("attention", layer.attention_norm, attention), ("mlp", layer.mlp_norm, self._mlp)):
                name = f"layers.{index}.{part}"
                if shape.norm_after:
                    stream = stream if addition is None else graph.node("Add", f"{name}.stream", [stream, addition])
                    addition, _ = self._norm(f"{name}_norm", block(name, layer, stream), None, weight)
                else:
                    x, stream = self._norm(f"{name}_norm", stream, addition, weight)
                    addition = block(name, layer, x)
            advance()
        self._logits(rows, graph.node("Add", "stream", [stream, addition]))

    def _add_lanes(self, variant: Variant) -> None:
        graph = variant.graph
        graph.input(contract.LANE_LENGTHS, INT64, [variant.lanes])
        for lane in range(variant.lanes):
            graph.input(contract.seqlens_k(lane), INT32, [1])
            graph.input(contract.total_sequence_length(lane), INT32, [])
        self._add_rotary_tables(variant)
        if variant.tree:
            lengths = graph.nodes(
                "Split", [f"lane_length.{lane}" for lane in range(variant.lanes)], [contract.LANE_LENGTHS], axis=0,
                num_outputs=variant.lanes)
            for lane, length in enumerate(lengths):
                self._add_tree(graph, lane, length)

    def _add_tree(self, graph: Graph, lane: int, length: str) -> None:
        """The attention bias among the new tokens, padded on the left with zeros for the cache, which every token of a tree sees."""
        graph.input(contract.position_ids(lane), INT64, [1, f"S.{lane}"])
        among_new = graph.input(contract.attention_bias(lane), FLOAT, [1, 1, f"S.{lane}", f"S.{lane}"])
        total = graph.node("Cast", f"tree.{lane}.total", [contract.total_sequence_length(lane)], to=INT64)
        cached = graph.node("Sub", f"tree.{lane}.cached", [total, length])  # [1]
        before, after = (graph.constant(np.zeros(zeros, np.int64), f"tree.{lane}.{zeros}") for zeros in (3, 4))
        pads = graph.node("Concat", f"tree.{lane}.pads", [before, cached, after], axis=0)
        # A timestep token sees itself alone, so it does not see the first new token, and what it sees of the cache is padded with that.
        alone = {"mode": "edge"} if self._denoising is not None and self._denoising.has_tokens else {}
        bias = graph.node("Pad", f"tree.{lane}.bias", [among_new, pads], **alone)
        if self._precision.type != FLOAT:
            graph.node("Cast", f"tree.{lane}.cast", [bias], to=self._precision.type)

    def _bias(self, lane: int) -> str:
        return f"tree.{lane}.{'bias' if self._precision.type == FLOAT else 'cast'}"

    def _embed(self, ids: str) -> str:
        """The embeddings [1, S, hidden].

        Every table is looked up for every id, clipped to its own ids. The last table with the id is chosen.
        """
        graph, rows, first = self._graph, "", 0
        tables, types = map(list, zip(*(self._weights.table(table, self._precision.type) for table in self._source.embedding)))
        sizes: list[int | None] = [table.shape[0] for table in self._source.embedding]
        if self._shape.encoded_text:
            tables.append(graph.input(contract.CONDITION, FLOAT, ["C", self._shape.hidden]))
            types.append(FLOAT)
            sizes.append(None)
        for table, type, size in zip(tables, types, sizes):
            name = "embedding" if table == tables[0] else f"embedding.{first}"
            own = ids if len(tables) == 1 else self._ids_from(name, ids, first, size)
            found = graph.node("Gather", name, [table, own])
            if type != self._precision.type:
                found = graph.node("Cast", f"{name}.cast", [found], to=self._precision.type)
            if rows:
                known = graph.node("GreaterOrEqual", f"{name}.known", [ids, graph.constant(np.array(first))])
                known = graph.node("Unsqueeze", f"{name}.known.rows", [known, graph.constant(np.array([2]))])
                found = graph.node("Where", f"{name}.chosen", [known, found, rows])
            rows, first = found, first + (size or 0)
        graph.metadata(contract.METADATA_IDS, first)
        return rows

    def _ids_from(self, name: str, ids: str, first: int, size: int | None) -> str:
        """Ids minus `first`, clipped to 0 .. size - 1."""
        graph = self._graph
        own = graph.node("Sub", f"{name}.from_first", [ids, graph.constant(np.array(first))])
        bounds = [graph.constant(np.array(bound)) for bound in (0, size and size - 1) if bound is not None]
        return graph.node("Clip", f"{name}.own", [own, *bounds])

    def _norm(self, name: str, stream: str, addition: str | None, weight: Tensor) -> tuple[str, str]:
        """The normalized sum of stream and addition, and the sum itself."""
        gamma = self._vector(weight.float32())
        if addition is None:
            return self._graph.node(
                "SimplifiedLayerNormalization", name, [stream, gamma], axis=-1, epsilon=self._shape.norm_epsilon), stream
        outputs = [name, "", "", f"{name}.stream"]
        self._graph.nodes(
            "SkipSimplifiedLayerNormalization", outputs, [addition, stream, gamma], MICROSOFT, epsilon=self._shape.norm_epsilon)
        return name, outputs[3]

    def _attention(self, index: int, name: str, layer: Layer, x: str) -> str:
        precision = self._precision
        qkv = precision.linear(f"{name}.qkv", precision.rows(f"{name}.input", x), layer.qkv)
        if layer.head_norm is not None:
            qkv = self._head_norm(f"{name}.head_norm", qkv, layer.head_norm)
        joined = f"{name}.joined"  # [1, S, heads head_dim]
        for variant in self._variants:
            if variant.lanes == 1:
                self._attend(variant, joined, index, 0, qkv)
                continue
            lanes = [f"{name}.qkv.{lane}" for lane in range(variant.lanes)]
            variant.graph.nodes("Split", lanes, [qkv, contract.LANE_LENGTHS], axis=1)
            attended = [self._attend(variant, f"{name}.lane.{lane}", index, lane, packed) for lane, packed in enumerate(lanes)]
            variant.graph.node("Concat", joined, attended, axis=1)
        return precision.linear(f"{name}.output", precision.rows(joined, joined), [layer.output])

    def _head_norm(self, name: str, qkv: str, norm: HeadNorm) -> str:
        """LayerNorm over the query and key heads of packed [1, S, (heads + 2 kv heads) head_dim]. Values stay as they are."""
        graph, shape = self._graph, self._shape
        heads = graph.node("Reshape", f"{name}.heads", [qkv, graph.constant(np.array([-1, shape.packed_heads, shape.head_dim]))])
        parts = self._around_values if self._precision.type == FLOAT else self._over_values
        return graph.node(
            "Reshape", f"{name}.packed",
            [parts(name, heads, norm), graph.constant(np.array([1, -1, shape.packed_heads * shape.head_dim]))])

    def _around_values(self, name: str, heads: str, norm: HeadNorm) -> str:
        """Splits the values off and appends them again, which is fastest on CPUs."""
        graph, shape = self._graph, self._shape
        normed = shape.heads + shape.kv_heads
        queries_keys, values = graph.nodes(
            "Split", [f"{name}.queries_keys", f"{name}.values"], [heads, graph.constant(np.array([normed, shape.kv_heads]))], axis=1
        )
        gamma, beta = (self._vector(self._of_heads(parts)[None]) for parts in (norm.gamma, norm.beta))  # [1, normed heads, head_dim]
        queries_keys = graph.node("LayerNormalization", name, [queries_keys, gamma, beta], axis=-1, epsilon=norm.epsilon)
        return graph.node("Concat", f"{name}.joined", [queries_keys, values], axis=1)

    def _over_values(self, name: str, heads: str, norm: HeadNorm) -> str:
        """Normalizes the values' heads too, and then takes the former values.

        For parts of unequal size, CUDA's Split and Concat copy four tables each from the host in every Run.
        """
        graph, shape = self._graph, self._shape
        of_values = np.zeros((shape.kv_heads, shape.head_dim), np.float32)
        gamma, beta = (
            self._vector(np.concatenate([self._of_heads(parts), of_values])[None]) for parts in (norm.gamma, norm.beta))
        normed = graph.node("LayerNormalization", name, [heads, gamma, beta], axis=-1, epsilon=norm.epsilon)
        is_value = np.arange(shape.packed_heads) >= shape.heads + shape.kv_heads
        return graph.node("Where", f"{name}.joined", [graph.constant(is_value[None, :, None]), heads, normed])

    def _of_heads(self, parts: tuple[Tensor, Tensor]) -> np.ndarray:
        """The rows of a HeadNorm, repeated for each head: [heads + kv heads, head_dim]."""
        rows = [np.atleast_2d(part.float32()) for part in parts]
        return np.concatenate(
            [np.repeat(each, heads // len(each), axis=0) for each, heads in zip(rows, (self._shape.heads, self._shape.kv_heads))])

    def _attend(self, variant: Variant, name: str, index: int, lane: int, packed: str) -> str:
        graph, shape, type = variant.graph, self._shape, self._precision.type
        cache = [1, shape.kv_heads, "M", shape.head_dim]
        past = [graph.input(contract.past(index, lane, part), type, cache) for part in ("key", "value")]
        present = [contract.present(index, lane, part) for part in ("key", "value")]
        tree = [contract.position_ids(lane), self._bias(lane)] if variant.tree else []
        graph.nodes(
            "GroupQueryAttention", [name, *present],
            [packed, "", "", *past, contract.seqlens_k(lane), contract.total_sequence_length(lane), *self._rotary_tables(), *tree],
            MICROSOFT, num_heads=shape.heads, kv_num_heads=shape.kv_heads, do_rotary=1, rotary_interleaved=int(shape.rotary.interleaved),
            **({} if shape.attention_scale is None else {"scale": shape.attention_scale}),
        )
        for output in present:
            graph.output(output, type, cache)
        return name

    def _mlp(self, name: str, layer: Layer, x: str) -> str:
        """down(silu(gate(x)) * up(x)), with gate and up in one product."""
        graph, precision = self._graph, self._precision
        both = precision.linear(f"{name}.gate_up", precision.rows(f"{name}.input", x), [layer.gate, layer.up])
        gate, up = graph.nodes("Split", [f"{name}.gate", f"{name}.up"], [both], axis=2, num_outputs=2)
        gate = graph.node("QuickGelu", f"{name}.silu", [gate], MICROSOFT, alpha=1.0)  # x sigmoid(1 x), which is silu
        inner = graph.node("Mul", f"{name}.inner", [gate, up])
        return precision.linear(f"{name}.down", precision.rows(f"{name}.inner", inner), [layer.down])

    def _logits(self, rows: str, stream: str) -> None:
        """Rows are selected before the final norm, so that a prefill computes only one row of the head."""
        graph, precision = self._graph, self._precision.head
        wanted = graph.node("Gather", "wanted", [stream, rows], axis=1)
        x, _ = self._norm("final_norm", wanted, None, self._source.final_norm)
        *hidden, last = self._source.head
        for i, linear in enumerate(hidden):
            name = f"head.{i}"
            x = graph.node("Gelu", f"{name}.gelu", [self._linear(name, precision.rows(f"{name}.input", x), linear, precision)], MICROSOFT)
        head_rows = precision.rows("head.input", x)
        if precision.type == FLOAT:
            self._linear(contract.LOGITS, head_rows, last, precision)
        else:
            graph.node("Cast", contract.LOGITS, [self._linear("head", head_rows, last, precision)], to=FLOAT)
        graph.output(contract.LOGITS, FLOAT, [1, "R", self._shape.codes])

    def _linear(self, name: str, rows: Sequence[str], linear: Linear, precision: Precision) -> str:
        if not linear.biases:
            return precision.linear(name, rows, linear.matrices)
        product = precision.linear(f"{name}.product", rows, linear.matrices)
        return self._graph.node("Add", name, [product, self._vector(np.concatenate([bias.float32() for bias in linear.biases]))])

    def _add_rotary_tables(self, variant: Variant) -> None:
        """Cosines and sines [slots of the cache, head_dim / 2], computed in double precision."""
        shape, graph = self._shape, variant.graph
        graph.metadata(contract.METADATA_POSITIONS, shape.max_positions)
        places = shape.max_positions + shape.rotary.spare + (contract.MAX_BRANCHES if variant.tree else 0)
        offset = graph.input(contract.POSITION_OFFSET, INT64, [1]) if shape.encoded_text else ""
        for name, table in zip(ROTARY_TABLES, shape.rotary.tables(places)):
            graph.floats(table, self._precision.type, name)
            if offset:
                end, axis = graph.constant(np.array([places]), f"{name}.end"), graph.constant(np.array([0]), f"{name}.axis")
                graph.node("Slice", f"{name}.skipped", [name, offset, end, axis])

    def _rotary_tables(self) -> list[str]:
        return [f"{name}.skipped" if self._shape.encoded_text else name for name in ROTARY_TABLES]

    def _vector(self, values: np.ndarray) -> str:
        """A vector in the type of the activations, stored in the graph file because it is small."""
        return self._graph.floats(values, self._precision.type)
