"""The graph that PCCoT iterates: a causal transformer that reads ids or embeddings, and returns embeddings to think on and logits."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import contract
from ..adapters import Merged
from ..errors import ExportError
from ..families.fields import flag, number, part, whole
from ..families.llama import Llama, hugging_face, read_sizes
from ..graph import FLOAT, INT64, Graph
from ..precision import MICROSOFT, Precision
from ..tensors import Computed, Tensor
from ..weights import Weights

HUGE = -1e9  # added to the scores of keys that a query does not see


class Source(Protocol):
    """A checkpoint's transformer, and what its layers consist of."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    max_positions: int
    embedding: Tensor  # [vocabulary, hidden]
    head: Tensor  # [vocabulary, hidden]; the same tensor as the embedding if they are tied

    def enter(self, nodes: Nodes, x: str, positions: str) -> str:
        """What the first layer reads, from embeddings [1, S, hidden] and their positions [S]."""

    def layer(self, nodes: Nodes, index: int, x: str, attend: Callable[[str, str], str]) -> str:
        """A layer's output [1, S, hidden]. `attend` turns the layer's name and its packed queries, keys and values into attention's."""

    def rotate(self, nodes: Nodes, name: str, heads: str) -> str:
        """Queries or keys [1, S, heads, head dim] with their positions, if that is how the model learns them."""

    def leave(self, nodes: Nodes, x: str) -> str:
        """The final norm of [1, S, hidden]."""


@dataclasses.dataclass(frozen=True)
class Nodes:
    """What sources add nodes with."""

    graph: Graph
    weights: Weights
    precision: Precision

    def linear(self, name: str, x: str, *matrices: Tensor, bias: Tensor | None = None) -> str:
        """The product with matrices [outputs, inputs], side by side, plus a bias."""
        if bias is None:
            return self.precision.linear(name, self.precision.rows(f"{name}.input", x), matrices)
        product = self.precision.linear(f"{name}.product", self.precision.rows(f"{name}.input", x), matrices)
        return self.graph.node("Add", name, [product, self.graph.constant(bias.float32())])

    def layer_norm(self, name: str, x: str, gamma: Tensor, beta: Tensor, epsilon: float) -> str:
        values = [self.graph.constant(each.float32()) for each in (gamma, beta)]
        return self.graph.node("LayerNormalization", name, [x, *values], axis=-1, epsilon=epsilon)

    def rms_norm(self, name: str, x: str, gamma: Tensor, epsilon: float) -> str:
        return self.graph.node("SimplifiedLayerNormalization", name, [x, self.graph.constant(gamma.float32())], axis=-1, epsilon=epsilon)

    def ints(self, *values: int) -> str:
        return self.graph.constant(np.array(values, np.int64))


class Gpt2Source:
    """GPT-2: learned positions, LayerNorm before blocks, matrices stored as [inputs, outputs]."""

    def __init__(self, weights: Merged, config: Mapping[str, Any], where: Path) -> None:
        self._weights, self._prefix = weights, "transformer." if "transformer.wte.weight" in weights else ""
        self.layers, self.hidden, self.heads, self.vocabulary, self.max_positions = (
            whole(where, key, config.get(key)) for key in ("n_layer", "n_embd", "n_head", "vocab_size", "n_positions"))
        if self.hidden % self.heads:
            raise ExportError(f"{where} has n_embd {self.hidden} and n_head {self.heads}; expected a multiple of the heads.")
        self.kv_heads, self.head_dim = self.heads, self.hidden // self.heads
        self._inner = whole(where, "n_inner", config.get("n_inner") or 4 * self.hidden)
        self._epsilon = number(where, "layer_norm_epsilon", config.get("layer_norm_epsilon", 1e-5))
        _require(where, config, activation_function="gelu_new", scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False,
                 add_cross_attention=False)
        self.embedding = weights.tensor(f"{self._prefix}wte.weight", self.vocabulary, self.hidden)
        self._positions = weights.tensor(f"{self._prefix}wpe.weight", self.max_positions, self.hidden)
        self.head = _head(weights, config, where, self.embedding, self.vocabulary, self.hidden)
        self._check_names()

    def enter(self, nodes: Nodes, x: str, positions: str) -> str:
        table = nodes.weights.converted(self._positions, FLOAT)
        return nodes.graph.node("Add", "positioned", [x, nodes.graph.node("Gather", "positions.rows", [table, positions])])

    def layer(self, nodes: Nodes, index: int, x: str, attend: Callable[[str, str], str]) -> str:
        name, width = f"{self._prefix}h.{index}", self.hidden
        normed = self._norm(nodes, f"{name}.ln_1", x)
        attended = attend(f"{name}.attn", self._linear(nodes, f"{name}.attn.c_attn", normed, width, 3 * width))
        x = nodes.graph.node("Add", f"{name}.attended", [x, self._linear(nodes, f"{name}.attn.c_proj", attended, width, width)])
        inner = self._linear(nodes, f"{name}.mlp.c_fc", self._norm(nodes, f"{name}.ln_2", x), width, self._inner)
        inner = nodes.graph.node("Gelu", f"{name}.mlp.gelu", [inner], approximate="tanh")
        return nodes.graph.node("Add", name, [x, self._linear(nodes, f"{name}.mlp.c_proj", inner, self._inner, width)])

    def rotate(self, nodes: Nodes, name: str, heads: str) -> str:
        return heads

    def leave(self, nodes: Nodes, x: str) -> str:
        return self._norm(nodes, f"{self._prefix}ln_f", x)

    def _norm(self, nodes: Nodes, name: str, x: str) -> str:
        gamma, beta = (self._weights.tensor(f"{name}.{kind}", self.hidden) for kind in ("weight", "bias"))
        return nodes.layer_norm(name, x, gamma, beta, self._epsilon)

    def _linear(self, nodes: Nodes, name: str, x: str, inputs: int, outputs: int) -> str:
        stored, bias = self._weights.tensor(f"{name}.weight", inputs, outputs), self._weights.tensor(f"{name}.bias", outputs)
        matrix = Computed(f"{stored.name}.transposed", (outputs, inputs), lambda: np.ascontiguousarray(stored.float32().T))
        return nodes.linear(name, x, matrix, bias=bias)

    def _check_names(self) -> None:
        """Raises ExportError for further layers and for tensors of a layer that are not read."""
        start = f"{self._prefix}h."
        read = {f"{name}.{kind}" for name in ("ln_1", "ln_2", "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
                for kind in ("weight", "bias")} | {"attn.bias", "attn.masked_bias"}  # the last two are the causal mask
        for name in self._weights.names():
            layer, _, rest = name.removeprefix(start).partition(".")
            if not name.startswith(start) or not layer.isdigit():
                continue
            if int(layer) >= self.layers:
                raise ExportError(
                    f"the weights have the tensor {name}, but config.json has {self.layers} layers: they are not from the same model.")
            if rest not in read:
                raise ExportError(
                    f"the weights have the tensor {name}, which GPT-2 does not have: this is another model, or a modified one.")


class LlamaSource:
    """Llama: rotary positions, RMSNorm before blocks, gated units, and key-value heads that several heads share."""

    def __init__(self, weights: Merged, config: Mapping[str, Any], where: Path) -> None:
        plain = {key: value for key, value in config.items() if key not in ("rope_scaling", "rope_parameters")}
        self._sizes = sizes = read_sizes(plain, where)
        for key in ("attention_bias", "mlp_bias"):
            _require(where, config, **{key: False})
        self._llama = Llama(weights, hugging_face(), sizes)
        self.layers, self.hidden, self.heads, self.kv_heads, self.head_dim = (
            sizes.layers, sizes.hidden, sizes.heads, sizes.kv_heads, sizes.head_dim)
        self.vocabulary, self.max_positions = sizes.vocabulary, sizes.max_positions
        self.embedding = self._llama.embedding
        self.head = _head(weights, config, where, self.embedding, self.vocabulary, self.hidden)
        rotary = part(where, "rope_parameters", config.get("rope_parameters")) or part(where, "rope_scaling", config.get("rope_scaling"))
        self._frequencies = frequencies(rotary, float(rotary.get("rope_theta") or sizes.theta), self.head_dim, where)

    def enter(self, nodes: Nodes, x: str, positions: str) -> str:
        """Adds the cosines and sines [S, 1, head dim / 2] that `rotate` reads."""
        graph = nodes.graph
        places = graph.node("Unsqueeze", "rotary.places", [graph.node("Cast", "rotary.cast", [positions], to=FLOAT), nodes.ints(1, 2)])
        angles = graph.node("Mul", "rotary.angles", [places, graph.constant(self._frequencies[None, None].astype(np.float32))])
        graph.node("Cos", "rotary.cos", [angles])
        graph.node("Sin", "rotary.sin", [angles])
        return x

    def layer(self, nodes: Nodes, index: int, x: str, attend: Callable[[str, str], str]) -> str:
        name, layer, epsilon = f"model.layers.{index}", self._llama.layer(index), self._sizes.epsilon
        normed = nodes.rms_norm(f"{name}.input_layernorm", x, layer.attention_norm, epsilon)
        attended = attend(f"{name}.self_attn", nodes.linear(f"{name}.self_attn.qkv", normed, *layer.qkv))
        x = nodes.graph.node("Add", f"{name}.attended", [x, nodes.linear(f"{name}.self_attn.o_proj", attended, layer.output)])
        normed = nodes.rms_norm(f"{name}.post_attention_layernorm", x, layer.mlp_norm, epsilon)
        gate = nodes.linear(f"{name}.mlp.gate_proj", normed, layer.gate)
        gate = nodes.graph.node("QuickGelu", f"{name}.mlp.silu", [gate], MICROSOFT, alpha=1.0)  # x sigmoid(1 x), which is silu
        inner = nodes.graph.node("Mul", f"{name}.mlp.inner", [gate, nodes.linear(f"{name}.mlp.up_proj", normed, layer.up)])
        return nodes.graph.node("Add", name, [x, nodes.linear(f"{name}.mlp.down_proj", inner, layer.down)])

    def rotate(self, nodes: Nodes, name: str, heads: str) -> str:
        """Turns channels j and j + head dim / 2."""
        graph = nodes.graph
        first, second = graph.nodes("Split", [f"{name}.first", f"{name}.second"], [heads], axis=3, num_outputs=2)

        def product(half: str, table: str) -> str:
            return graph.node("Mul", f"{half}.{table}", [half, f"rotary.{table}"])

        turned = [
            graph.node("Sub", f"{name}.low", [product(first, "cos"), product(second, "sin")]),
            graph.node("Add", f"{name}.high", [product(second, "cos"), product(first, "sin")])]
        return graph.node("Concat", f"{name}.rotated", turned, axis=3)

    def leave(self, nodes: Nodes, x: str) -> str:
        return nodes.rms_norm("model.norm", x, self._llama.final_norm, self._sizes.epsilon)


class Projection:
    """What a thought passes through before it is fed again: Linear, GELU by the error function, Linear, LayerNorm."""

    EPSILON = 1e-5

    def __init__(self, weights: Merged, hidden: int) -> None:
        self._first, self._second = (weights.tensor(f"prj.{index}.weight", hidden, hidden) for index in (0, 2))
        self._biases = [weights.tensor(f"prj.{index}.bias", hidden) for index in (0, 2)]
        self._norm = [weights.tensor(f"prj.3.{kind}", hidden) for kind in ("weight", "bias")]

    def build(self, nodes: Nodes, x: str) -> str:
        inner = nodes.graph.node("Gelu", "prj.1", [nodes.linear("prj.0", x, self._first, bias=self._biases[0])])
        return nodes.layer_norm("prj.3", nodes.linear("prj.2", inner, self._second, bias=self._biases[1]), *self._norm, self.EPSILON)


class Thinking:
    """A pass over S new tokens after P cached ones. The ids come first, then the embeddings; either may be none.

    Keys and values of the new tokens alone are returned, so the caller decides what to keep.
    """

    def __init__(self, graph: Graph, weights: Weights, precision: Precision, source: Source, projection: Projection | None) -> None:
        self._nodes, self._graph = Nodes(graph, weights, precision), graph
        self._source, self._projection = source, projection

    def build(self, advance: Callable[[], None] = lambda: None) -> None:
        """Adds everything. `advance` is called after each layer."""
        graph, source, nodes = self._graph, self._source, self._nodes
        ids = graph.input(contract.INPUT_IDS, INT64, [1, "I"])
        given = graph.input(contract.THOUGHT_EMBEDDINGS, FLOAT, [1, "E", source.hidden])
        rows = graph.input(contract.LOGITS_ROWS, INT64, ["R"])
        table = nodes.weights.converted(source.embedding, FLOAT)
        x = graph.node("Concat", "embeddings.all", [graph.node("Gather", "embedding", [table, ids]), given], axis=1)
        graph.metadata(contract.METADATA_IDS, source.vocabulary)
        graph.metadata(contract.METADATA_POSITIONS, source.max_positions)

        cache = [1, "P", source.kv_heads, source.head_dim]
        past = [[graph.input(contract.past_rows(i, kind), FLOAT, cache) for kind in ("key", "value")] for i in range(source.layers)]
        x = source.enter(nodes, x, self._add_positions(x, past[0][0]))
        for index in range(source.layers):
            def attend(name: str, packed: str, index: int = index) -> str:
                return self._attend(name, index, packed, *past[index])

            x = source.layer(nodes, index, x, attend)
            advance()
        hidden = source.leave(nodes, x)
        thoughts = hidden if self._projection is None else self._projection.build(nodes, hidden)
        graph.node("Identity", contract.THOUGHTS, [thoughts])
        graph.output(contract.THOUGHTS, FLOAT, [1, "S", source.hidden])
        self._add_logits(graph.node("Gather", "wanted", [hidden, rows], axis=1))
        graph.output(contract.LOGITS, FLOAT, [1, "R", source.vocabulary])

    def _add_logits(self, wanted: str) -> None:
        """The product with the head's rows as they are stored, because the embedding may be the same tensor."""
        graph, source, nodes = self._graph, self._source, self._nodes
        flat = graph.node("Reshape", "wanted.flat", [wanted, nodes.ints(-1, source.hidden)])
        product = graph.node("Gemm", "head", [flat, nodes.weights.converted(source.head, FLOAT)], transB=1)
        graph.node("Reshape", contract.LOGITS, [product, nodes.ints(1, -1, source.vocabulary)])

    def _add_positions(self, x: str, past: str) -> str:
        """The positions [S] of the new tokens; adds the mask [S, P + S]."""
        graph, nodes = self._graph, self._nodes

        def length(name: str, of: str, axis: int) -> str:
            return graph.node("Squeeze", name, [graph.node("Shape", f"{name}.shape", [of], start=axis, end=axis + 1)])

        zero, one = (graph.constant(np.int64(value)) for value in (0, 1))
        before = length("length.past", past, 1)
        total = graph.node("Add", "length.total", [before, length("length.new", x, 1)])
        positions = graph.node("Range", "positions", [before, total, one])
        keys = graph.node("Unsqueeze", "mask.keys", [graph.node("Range", "mask.range", [zero, total, one]), nodes.ints(0)])
        sees = graph.node("LessOrEqual", "mask.sees", [keys, graph.node("Unsqueeze", "mask.queries", [positions, nodes.ints(1)])])
        graph.node("Where", "mask", [sees, graph.constant(np.float32(0)), graph.constant(np.float32(HUGE))])
        return positions

    def _attend(self, name: str, index: int, packed: str, past_key: str, past_value: str) -> str:
        """Attention [1, S, heads head_dim] of packed queries, keys and values [1, S, (heads + 2 kv heads) head dim]."""
        graph, source, nodes = self._graph, self._source, self._nodes
        shared, width = source.heads // source.kv_heads, source.head_dim
        widths = nodes.ints(source.heads * width, source.kv_heads * width, source.kv_heads * width)
        parts = graph.nodes("Split", [f"{name}.{part}" for part in "qkv"], [packed, widths], axis=2)
        query, key, value = (
            graph.node("Reshape", f"{part}.heads", [part, nodes.ints(1, -1, heads, width)])
            for part, heads in zip(parts, (source.heads, source.kv_heads, source.kv_heads)))
        query, key = (source.rotate(nodes, part, part) for part in (query, key))
        both = []
        for kind, new, past in (("key", key, past_key), ("value", value, past_value)):
            present = contract.present_rows(index, kind)
            graph.node("Identity", present, [new])
            graph.output(present, FLOAT, [1, "S", source.kv_heads, width])
            both.append(graph.node("Concat", f"{name}.{kind}s", [past, new], axis=1))
        query = graph.node("Mul", f"{name}.query.scaled", [query, graph.constant(np.float32(1 / math.sqrt(width)))])
        query, keys, values = (
            graph.node("Transpose", f"{each}.by_head", [each], perm=order)
            for each, order in ((query, [0, 2, 1, 3]), (both[0], [0, 2, 3, 1]), (both[1], [0, 2, 1, 3])))
        if shared > 1:  # heads that share keys form groups: [1, kv heads, shared, S, head dim]
            query = graph.node("Reshape", f"{name}.query.grouped", [query, nodes.ints(1, source.kv_heads, shared, -1, width)])
            keys, values = (graph.node("Unsqueeze", f"{part}.grouped", [part, nodes.ints(2)]) for part in (keys, values))
        scores = graph.node("Add", f"{name}.scores", [graph.node("MatMul", f"{name}.products", [query, keys]), "mask"])
        attended = graph.node("MatMul", f"{name}.attended", [graph.node("Softmax", f"{name}.weights", [scores], axis=-1), values])
        if shared > 1:
            attended = graph.node("Reshape", f"{name}.attended.heads", [attended, nodes.ints(1, source.heads, -1, width)])
        tokens = graph.node("Transpose", f"{name}.attended.tokens", [attended], perm=[0, 2, 1, 3])
        return graph.node("Reshape", f"{name}.joined", [tokens, nodes.ints(1, -1, source.heads * width)])


def frequencies(rotary: Mapping[str, Any], theta: float, head_dim: int, where: Path) -> np.ndarray:
    """The angle for each position of each pair of channels, [head dim / 2]. Llama 3 lowers those of long waves (rope_type llama3)."""
    plain = theta ** (-np.arange(0, head_dim, 2) / head_dim)
    kind = rotary.get("rope_type", rotary.get("type")) or "default"
    if kind == "default":
        return plain
    if kind != "llama3":
        raise ExportError(f"{where} has rotary positions of type {kind!r}; expected default or llama3, which can be exported.")
    factor, low, high, original = (
        number(where, key, rotary.get(key))
        for key in ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"))
    waves = original * plain / (2 * math.pi)  # in the original context
    share = np.clip((waves - low) / (high - low), 0, 1)
    return plain * (share + (1 - share) / factor)


def _head(weights: Merged, config: Mapping[str, Any], where: Path, embedding: Tensor, vocabulary: int, hidden: int) -> Tensor:
    """The head's matrix. Most models of these kinds use the embedding's."""
    tied = config.get("tie_word_embeddings")
    if tied is None:
        tied = "lm_head.weight" not in weights
    return embedding if flag(where, "tie_word_embeddings", tied) else weights.tensor("lm_head.weight", vocabulary, hidden)


def _require(where: Path, config: Mapping[str, Any], **expected: object) -> None:
    """Raises ExportError for a setting that would change the results; a missing one has the expected value."""
    for key, value in expected.items():
        if config.get(key) not in (None, value):
            raise ExportError(f"{where} has {key} {json.dumps(config[key])}; expected {json.dumps(value)}, the only one that is exported.")
