"""TarFlow (arXiv 2412.06329): one graph for each flow block, under the names of Apple's and GS-Jacobi's checkpoints.

A run reads S tokens of a block that follow P tokens in its cache, so one graph serves sequential sampling (S = 1), Jacobi iteration (P = 0,
S = T) and Gauss-Seidel-Jacobi iteration. Output i is about token i + 1.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..families.given import Given
from ..graph import FLOAT, INT32, INT64, Graph, Graphs
from ..precision import MICROSOFT
from ..progress import Progress
from ..tensors import Tensor
from ..weights import Weights
from .tarflow_gradient import GradientGraph

HEAD = 64  # channels of an attention head, in every published model; the tensors do not tell
EPSILON = 1e-5  # of LayerNorm
COLORS = 3
QKV = "blocks.0.attn_blocks.0.attention.qkv.weight"
NAME = re.compile(r"(?P<patch>\d+)_(?P<width>\d+)_(?P<blocks>\d+)_(?P<layers>\d+)_(?P<noise>\d*\.?\d+|uniform)$")

# flow.*.onnx: S new tokens, M cache slots
TOKENS = "tokens"  # float32 [1, S, C]
POSITIONS = "positions"  # int64 [S], 0 to T - 1 in the block's own order
CLASS = "class"  # int64 [1]; the number of classes means no class
INVERSE_TEMPERATURE = "inverse_temperature"  # float32 [1], factor of the attention's logits
SEQLENS = "seqlens_k"  # int32 [1], P + S - 1, as GroupQueryAttention defines it
TOTAL = "total_sequence_length"  # int32 scalar, P + S
SCALE, SHIFT = "scale", "shift"  # float32 [1, S, C]: s and u of the next token, which is exp(s) z + u


@dataclasses.dataclass(frozen=True)
class Sizes:
    blocks: int
    layers: int
    width: int
    channels: int  # of a token
    tokens: int
    classes: int  # 0: the model is unconditional
    patch: int
    side: int  # of the picture in pixels

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Sizes:
        """The sizes, from names and shapes. Raises ExportError if they are not those of a TarFlow."""
        block = "blocks.0."
        numbers = [re.match(r"blocks\.(\d+)\.(?:attn_blocks\.(\d+)\.)?", name) for name in checkpoint.names()]
        blocks = 1 + max(int(match[1]) for match in numbers if match)
        layers = 1 + max(int(match[2]) for match in numbers if match and match[2])
        width, channels = checkpoint.tensor(f"{block}proj_in.weight", None, None).shape
        tokens = checkpoint.tensor(f"{block}pos_embed", None, width).shape[0]
        embedding = f"{block}class_embed"
        classes = checkpoint.tensor(embedding, None, 1, width).shape[0] if embedding in checkpoint else 0
        patch, across = math.isqrt(channels // COLORS), math.isqrt(tokens)
        if width % HEAD:
            raise ExportError(f"{block}proj_in.weight has {width} rows; expected a multiple of {HEAD}, the channels of an attention head.")
        if COLORS * patch**2 != channels:
            raise ExportError(
                f"{block}proj_in.weight reads {channels} numbers; expected {COLORS} times a square, for a patch of RGB pixels.")
        if across**2 != tokens:
            raise ExportError(f"{block}pos_embed has {tokens} rows; expected a square number, because pictures are square.")
        return cls(blocks, layers, width, channels, tokens, classes, patch, across * patch)


class TarFlow:
    """A checkpoint of TarFlow: the official `NAME_model_P_D_B_L_noise.pth`, or safetensors with the same tensors."""

    name = "tarflow"
    precisions = ("fp32",)

    def __init__(self, given: Given) -> None:
        self._checkpoint, self._given = given.checkpoint, given
        self.sizes = Sizes.read(given.checkpoint)
        self._noise = self._read_noise()
        self._classes = self._read_classes()
        if "var" in given.checkpoint:
            variance = given.checkpoint.tensor("var", self.sizes.tokens, self.sizes.channels).float32()
            if not (variance == 1).all():
                raise ExportError(
                    f"var has the value {variance.flat[np.argmax(variance != 1)]:g}; expected 1 throughout: only models whose prior is the "
                    "unit normal (nvp) are supported.")

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return QKV in checkpoint

    def parts(self, precisions: tuple[str, ...]) -> int:
        return self.sizes.blocks

    def write(self, folder: Path, precisions: tuple[str, ...], progress: Progress) -> dict[str, Any]:
        sizes = self.sizes
        blocks = []
        for index in range(sizes.blocks):
            name, gradient = f"flow.{index}.onnx", f"flow.{index}.gradient.onnx"
            both = Graph(f"flow.{index}"), Graph(f"flow.{index}.gradient")
            weights = Weights(Graphs(both), folder / f"flow.{index}.data")
            block = BlockGraph(both[0], weights, self._checkpoint, sizes, index)
            output = block.build()
            block.build_gradient(both[1])
            for graph, file in zip(both, (name, gradient)):
                graph.save(folder / file)
            norms = [float(np.linalg.norm(half, ord=2)) for half in np.split(output.float32(), 2)]
            blocks.append({
                "graph": name, "gradient": gradient, "reverses": index % 2 == 1, "scaleNorm": norms[0], "shiftNorm": norms[1]})
            progress.advance(name)
        progress.done(
            f"flow.*.onnx: {sizes.blocks} blocks of {sizes.layers} layers, {sizes.tokens} tokens of {sizes.channels} numbers, "
            f"{sizes.classes} classes")
        notice = "The license of the weights is not known. See the page they were downloaded from."
        return {
            "kind": "flow",
            "license": self._given.sections.get("license", {"id": "LicenseRef-unknown", "commercial": False, "notice": notice}),
            "flow": {
                "side": sizes.side, "patch": sizes.patch, "layers": sizes.layers, "heads": sizes.width // HEAD, "headDim": HEAD,
                "noise": self._noise, "classes": self._classes, "blocks": blocks,
            },
        }

    def _read_noise(self) -> float | None:
        """The noise in the training pictures, from config.json or the file's name. None if neither tells, or if it was uniform.

        Raises ExportError if the sizes in the name are not those of the weights.
        """
        sizes, file = self.sizes, self._checkpoint.files[0]
        noise = self._given.config.get("noise")
        if match := NAME.search(file.stem):
            named = tuple(int(match[part]) for part in ("patch", "width", "blocks", "layers"))
            actual = (sizes.patch, sizes.width, sizes.blocks, sizes.layers)
            if named != actual:
                raise ExportError(
                    f"{file} is named {'_'.join(map(str, named))} (patch, width, blocks, layers), but its weights are those of "
                    f"{'_'.join(map(str, actual))}: the file is incomplete, or belongs to another name.")
            if noise is None and match["noise"] != "uniform":
                noise = float(match["noise"])
        if noise is not None and not (isinstance(noise, (int, float)) and 0 <= noise < 1):
            raise ExportError(f"noise is {noise!r}; expected the standard deviation of the training pictures' noise, from 0 to below 1.")
        return noise

    def _read_classes(self) -> list[str]:
        """The names of the classes, from config.json; else their numbers."""
        count = self.sizes.classes
        names = self._given.config.get("classes", [str(number) for number in range(count)])
        if not isinstance(names, list) or len(names) != count or len(set(map(str, names))) != count \
                or not all(isinstance(name, str) and name for name in names):
            raise ExportError(f"classes in config.json is {names!r}; expected a list of {count} different names, one for each class.")
        return names


class BlockGraph:
    """Adds one flow block to a graph. The weights are also those of the graph of its gradient."""

    def __init__(self, graph: Graph, weights: Weights, checkpoint: Checkpoint, sizes: Sizes, index: int) -> None:
        self._graph, self._weights, self._checkpoint, self._sizes, self._index = graph, weights, checkpoint, sizes, index
        self._names: dict[str, str] = {}  # of initializers, by the names of the tensors

    def build(self) -> Tensor:
        """Adds everything; returns the weight of the output."""
        graph, sizes = self._graph, self._sizes
        tokens = graph.input(TOKENS, FLOAT, [1, "S", sizes.channels])
        graph.input(SEQLENS, INT32, [1])
        graph.input(TOTAL, INT32, [])
        stream, temperature = self._embed(tokens), self._temperature()
        addition: tuple[str, str] | None = None  # a product and its bias, which the next norm adds to the stream
        for layer in range(sizes.layers):
            part = f"attn_blocks.{layer}.attention"
            x, stream = self._norm(f"{part}.norm", stream, addition)
            qkv = graph.node("Add", f"{part}.qkv", [self._product(f"{part}.qkv", x, 3 * sizes.width, sizes.width),
                                                    self._vector(f"{part}.qkv.bias", 3 * sizes.width)])
            qkv = graph.node("Mul", f"{part}.tempered", [qkv, temperature])
            attended = self._attention(layer, part, qkv)
            addition = (self._product(f"{part}.proj", attended, sizes.width, sizes.width), self._vector(f"{part}.proj.bias", sizes.width))
            part, inner = f"attn_blocks.{layer}.mlp", 4 * sizes.width
            x, stream = self._norm(f"{part}.norm", stream, addition)
            x = self._product(f"{part}.main.0", x, inner, sizes.width)
            x = graph.node("BiasGelu", f"{part}.gelu", [x, self._vector(f"{part}.main.0.bias", inner)], MICROSOFT)
            addition = (self._product(f"{part}.main.2", x, sizes.width, inner), self._vector(f"{part}.main.2.bias", sizes.width))
        stream = graph.node("Add", "stream", [graph.node("Add", "last", addition), stream])
        both = graph.node("Add", "parameters", [self._product("proj_out", stream, 2 * sizes.channels, sizes.width),
                                                self._vector("proj_out.bias", 2 * sizes.channels)])
        graph.nodes("Split", [SCALE, SHIFT], [both], axis=2, num_outputs=2)
        for name in (SCALE, SHIFT):
            graph.output(name, FLOAT, [1, "S", sizes.channels])
        return self._tensor("proj_out.weight", 2 * sizes.channels, sizes.width)

    def build_gradient(self, graph: Graph) -> None:
        """Adds the block's gradient to another graph, after `build`."""
        sizes = self._sizes
        gradient = GradientGraph(graph, sizes.tokens, sizes.channels, sizes.width // HEAD, HEAD, EPSILON)
        gradient.build(self._names, sizes.layers)

    def _embed(self, tokens: str) -> str:
        """proj_in, and the vectors of position and class. The bias of proj_in is in the table of positions."""
        graph, sizes = self._graph, self._sizes
        positions, label = graph.input(POSITIONS, INT64, ["S"]), graph.input(CLASS, INT64, [1])
        table = self._tensor("pos_embed", sizes.tokens, sizes.width).float32()
        table = (table[::-1] if self._index % 2 else table) + self._tensor("proj_in.bias", sizes.width).float32()
        classes = np.zeros((1, sizes.width), np.float32)
        if sizes.classes:
            classes = self._tensor("class_embed", sizes.classes, 1, sizes.width).float32()[:, 0]
            classes = np.concatenate([classes, classes.mean(0, keepdims=True)])
        x = self._product("proj_in", tokens, sizes.width, sizes.channels)
        self._names |= {name: self._weights.append(f"{name}.table", array) for name, array in (("positions", table), ("classes", classes))}
        x = graph.node("Add", "placed", [x, graph.node("Gather", "position", [self._names["positions"], positions])])
        return graph.node("Add", "embedded", [x, graph.node("Gather", "label", [self._names["classes"], label])])

    def _temperature(self) -> str:
        """The factors [3 D] of queries, keys and values: the inverse temperature for queries, and 1 for the others."""
        graph, width = self._graph, self._sizes.width
        inverse, one = graph.input(INVERSE_TEMPERATURE, FLOAT, [1]), graph.constant(np.float32(1))
        queries = graph.constant(np.repeat(np.float32([1, 0]), [width, 2 * width]), "queries")
        change = graph.node("Mul", "temperature.change", [graph.node("Sub", "temperature.excess", [inverse, one]), queries])
        return graph.node("Add", "temperature", [change, one])

    def _norm(self, name: str, stream: str, addition: tuple[str, str] | None) -> tuple[str, str]:
        """LayerNorm of the stream after the addition to it; returns both."""
        graph, vectors = self._graph, [self._vector(f"{name}.{part}", self._sizes.width) for part in ("weight", "bias")]
        if addition is None:
            return graph.node("LayerNormalization", name, [stream, *vectors], epsilon=EPSILON), stream
        product, bias = addition
        normed, _, _, summed = graph.nodes(
            "SkipLayerNormalization", [name, "", "", f"{name}.stream"], [product, stream, *vectors, bias], MICROSOFT, epsilon=EPSILON)
        return normed, summed

    def _attention(self, layer: int, name: str, qkv: str) -> str:
        graph, heads = self._graph, self._sizes.width // HEAD
        past, present = ([f"{side}.{layer}.{part}" for part in ("key", "value")] for side in ("past", "present"))
        for tensor in past:
            graph.input(tensor, FLOAT, [1, heads, "M", HEAD])
        graph.nodes("GroupQueryAttention", [name, *present], [qkv, "", "", *past, SEQLENS, TOTAL], MICROSOFT,
                    num_heads=heads, kv_num_heads=heads, scale=HEAD**-0.5)
        for tensor in present:
            graph.output(tensor, FLOAT, [1, heads, "M", HEAD])
        return name

    def _product(self, name: str, x: str, outputs: int, inputs: int) -> str:
        weight = f"{name}.weight"
        self._names[weight] = self._weights.columns(name, [self._tensor(weight, outputs, inputs)], FLOAT)
        return self._graph.node("MatMul", f"{name}.product", [x, self._names[weight]])

    def _vector(self, name: str, size: int) -> str:
        if name not in self._names:
            self._names[name] = self._weights.append(name, self._tensor(name, size).float32())
        return self._names[name]

    def _tensor(self, name: str, *shape: int) -> Tensor:
        return self._checkpoint.tensor(f"blocks.{self._index}.{name}", *shape)
