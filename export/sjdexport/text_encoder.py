"""LlamaGen's text encoder: FLAN-T5's encoder (arXiv 1910.10683, 2210.11416) and the projection to the transformer's width."""

from __future__ import annotations

import math

import numpy as np

from . import contract
from .checkpoint import Checkpoint
from .errors import ExportError
from .graph import FLOAT, INT64, Graph
from .numbering import count
from .precision import MICROSOFT, Float
from .tensors import Tensor
from .weights import Weights

EPSILON = 1e-6
FARTHEST = 128  # distance from which on all distances share a bucket


class T5Encoder:
    """T5's weights under Hugging Face's names, and LlamaGen's caption embedding. All is float32, because T5's FFN overflows in half
    precision.

    LlamaGen pads captions to `places` tokens and masks the padding. Masked tokens are neither attended to nor read, so the graph has no
    padding.
    """

    def __init__(self, t5: Checkpoint, captions: Checkpoint) -> None:
        self.t5, self.captions = t5, captions
        tied = "encoder.embed_tokens.weight"
        self.embedding = t5.tensor(tied if tied in t5 else "shared.weight", None, None)
        self.distances = t5.tensor("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", None, None)  # [buckets, heads]
        self.nothing = captions.tensor("cls_embedding.uncond_embedding", None, self.embedding.shape[1])

    @property
    def places(self) -> int:
        """The longest text in tokens, including </s>."""
        return self.nothing.shape[0]

    def build(self, graph: Graph, weights: Weights) -> None:
        """Adds a graph from ids int64 [1, n], which end with </s>, to the condition float32 [2 n, transformer's hidden], for n from 1 to
        `places`.

        Rows 0..n-1 belong to the text, rows n..2n-1 are for the unconditional lane. A longer text fails when the graph runs.
        """
        TextEncoderGraph(graph, weights, self).build()


class TextEncoderGraph:
    """Hidden states are [1, n, hidden]."""

    def __init__(self, graph: Graph, weights: Weights, encoder: T5Encoder) -> None:
        self._graph, self._weights, self._encoder, self._t5 = graph, weights, encoder, encoder.t5
        self._hidden, self._heads = encoder.embedding.shape[1], encoder.distances.shape[1]
        self._float = Float(graph, weights, FLOAT)

    def build(self) -> None:
        graph, encoder = self._graph, self._encoder
        ids = graph.input(contract.IDS, INT64, [1, "n"])
        graph.metadata(contract.METADATA_IDS, encoder.embedding.shape[0])
        graph.metadata(contract.METADATA_PLACES, encoder.places)
        length = graph.node("Shape", "n", [ids], start=1)  # [1]
        bias = self._distance_bias(length)

        table, type = self._weights.table(encoder.embedding, FLOAT)
        x = graph.node("Gather", "embedding", [table, ids])
        if type != FLOAT:
            x = graph.node("Cast", "embedding.cast", [x], to=FLOAT)
        for i in range(count(self._t5.names(), "encoder.block.")):
            x = self._block(f"encoder.block.{i}", x, bias)
        x = self._norm("encoder.final_layer_norm", x)

        text = graph.node("Squeeze", "text", [x, graph.constant(np.array([0]))])
        nothing = self._weights.converted(encoder.nothing, FLOAT)
        first = graph.node("Neg", "nothing.first", [length])  # the last n rows, which LlamaGen's padding would not mask
        nothing = graph.node("Slice", "nothing", [nothing, first, graph.constant(np.array([encoder.places]))])
        self._caption_projection(graph.node("Concat", "both", [text, nothing], axis=0))

    def _distance_bias(self, length: str) -> str:
        """The relative position bias [1, heads, n, n], which every layer adds to its products."""
        graph, places, values = self._graph, self._encoder.places, self._encoder.distances.float32()
        table = values[buckets(np.arange(1 - places, places), len(values))].T  # [heads, distances]
        scalar = graph.node("Squeeze", "n.scalar", [length])
        positions = graph.node("Range", "positions", [graph.constant(np.int64(0)), scalar, graph.constant(np.int64(1))])
        keys, queries = (graph.node("Unsqueeze", f"positions.{i}", [positions, graph.constant(np.array([i]))]) for i in (0, 1))
        distance = graph.node("Sub", "distance", [keys, queries])
        index = graph.node("Add", "distance.index", [distance, graph.constant(np.int64(places - 1))])
        bias = graph.node("Gather", "distance.heads", [graph.constant(np.ascontiguousarray(table)), index], axis=1)
        return graph.node("Unsqueeze", "distance.bias", [bias, graph.constant(np.array([0]))])

    def _block(self, name: str, x: str, bias: str) -> str:
        attention, mlp = f"{name}.layer.0", f"{name}.layer.1"
        attended = self._attention(f"{attention}.SelfAttention", self._norm(f"{attention}.layer_norm", x), bias)
        x = self._graph.node("Add", attention, [x, attended])
        gated = self._mlp(f"{mlp}.DenseReluDense", self._norm(f"{mlp}.layer_norm", x))
        return self._graph.node("Add", mlp, [x, gated])

    def _attention(self, name: str, x: str, bias: str) -> str:
        """T5's attention, whose products are not scaled."""
        query = self._t5.tensor(f"{name}.q.weight", None, self._hidden)
        inner = query.shape[0]
        if inner % self._heads:
            raise ExportError(
                f"{name}.q.weight has {inner} rows; expected a multiple of {self._heads}, the number of heads (columns of "
                "relative_attention_bias): "
                "this is not a T5 encoder."
            )
        rest = [self._t5.tensor(f"{name}.{part}.weight", inner, self._hidden) for part in "kv"]
        qkv = [self._linear(f"{name}.{part}", x, matrix) for part, matrix in zip("qkv", [query, *rest])]
        attended = self._graph.node("MultiHeadAttention", name, [*qkv, "", "", bias], MICROSOFT, num_heads=self._heads, scale=1.0)
        return self._linear(f"{name}.o", attended, self._t5.tensor(f"{name}.o.weight", self._hidden, inner))

    def _mlp(self, name: str, x: str) -> str:
        """wo(gelu(wi_0(x)) * wi_1(x))"""
        gate = self._t5.tensor(f"{name}.wi_0.weight", None, self._hidden)
        up, down = self._t5.tensor(f"{name}.wi_1.weight", *gate.shape), self._t5.tensor(f"{name}.wo.weight", *reversed(gate.shape))
        gated = self._gelu(f"{name}.gelu", self._linear(f"{name}.wi_0", x, gate))
        inner = self._graph.node("Mul", f"{name}.inner", [gated, self._linear(f"{name}.wi_1", x, up)])
        return self._linear(f"{name}.wo", inner, down)

    def _caption_projection(self, x: str) -> None:
        """LlamaGen's cap_proj: fc2(gelu(fc1(x)))."""
        captions = self._encoder.captions
        first = captions.tensor("cls_embedding.cap_proj.fc1.weight", None, self._hidden)
        second = captions.tensor("cls_embedding.cap_proj.fc2.weight", None, first.shape[0])
        inner = self._gelu("cap_proj.gelu", self._linear("cap_proj.fc1", x, first))
        self._linear(contract.CONDITION, inner, second)
        self._graph.output(contract.CONDITION, FLOAT, ["2 n", second.shape[0]])

    def _norm(self, name: str, x: str) -> str:
        gamma = self._graph.constant(self._t5.tensor(f"{name}.weight", self._hidden).float32())
        return self._graph.node("SimplifiedLayerNormalization", name, [x, gamma], axis=-1, epsilon=EPSILON)

    def _gelu(self, name: str, x: str) -> str:
        return self._graph.node("Gelu", name, [x], approximate="tanh")

    def _linear(self, name: str, x: str, matrix: Tensor) -> str:
        return self._float.linear(name, [x], [matrix])


def buckets(distances: np.ndarray, number: int) -> np.ndarray:
    """The bucket, out of `number`, for each distance key - query. One half of the buckets is for keys on the left, one for keys on the
    right.

    In each half, the first half has one bucket for each distance. From there to FARTHEST, buckets grow logarithmically.
    """
    half = number // 2
    exact = half // 2
    far = np.maximum(np.abs(distances), 1).astype(np.float32) / np.float32(exact)
    growing = exact + (np.log(far) / np.float32(math.log(FARTHEST / exact)) * np.float32(half - exact)).astype(np.int64)
    return np.where(distances > 0, half, 0) + np.where(np.abs(distances) < exact, np.abs(distances), np.minimum(growing, half - 1))
