"""Chameleon's VQ decoder (taming-transformers' layout): codebook indices to pixels and to a PNG."""

from __future__ import annotations

import numpy as np

from . import contract
from .errors import ExportError
from .graph import FLOAT, INT64, UINT8, Graph
from .precision import MICROSOFT
from .safetensors import Checkpoint, Tensor
from .weights import Weights

EPSILON = 1e-6


class ImageDecoderGraph:
    """Widths and depth are read from the checkpoint's names and shapes; any h x w of codes decodes."""

    def __init__(self, graph: Graph, weights: Weights, checkpoint: Checkpoint, prefix: str, groups: int) -> None:
        self._graph, self._weights, self._checkpoint, self._prefix, self._groups = graph, weights, checkpoint, prefix, groups
        self.levels = sum(1 for _ in self._indices("decoder.up.{}.block.0.conv1.weight"))

    @property
    def pixels_per_code(self) -> int:
        return 2 ** (self.levels - 1)

    def build(self) -> None:
        graph = self._graph
        codes = graph.input(contract.CODES, INT64, [1, "h", "w"])
        codebook = self._tensor("quantize.embedding.weight", None, None)
        vectors = graph.node("Gather", "vectors", [self._weights.cast(codebook, FLOAT), codes])  # [1, h, w, channels]
        x = graph.node("Transpose", "latent", [vectors], perm=[0, 3, 1, 2])
        x = self._conv("post_quant_conv", x, codebook.shape[1])
        x = self._conv("decoder.conv_in", x)
        x = self._res_block("decoder.mid.block_1", x)
        x = self._attention("decoder.mid.attn_1", x)
        x = self._res_block("decoder.mid.block_2", x)
        for level in reversed(range(self.levels)):
            x = self._level(f"decoder.up.{level}", x, upsample=level > 0)
        x = self._conv("decoder.conv_out", self._silu("decoder.norm_out.silu", self._group_norm("decoder.norm_out", x)))
        self._pixels(x)

    def _level(self, name: str, x: str, upsample: bool) -> str:
        for block in self._indices(name + ".block.{}.conv1.weight"):
            x = self._res_block(f"{name}.block.{block}", x)
            if f"{self._prefix}{name}.attn.{block}.q.weight" in self._checkpoint:
                x = self._attention(f"{name}.attn.{block}", x)
        if not upsample:
            return x
        scales = self._graph.constant(np.array([1, 1, 2, 2], np.float32))
        x = self._graph.node(
            "Resize", f"{name}.nearest", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        return self._conv(f"{name}.upsample.conv", x)

    def _res_block(self, name: str, x: str) -> str:
        h = x
        for i in (1, 2):
            h = self._silu(f"{name}.silu{i}", self._group_norm(f"{name}.norm{i}", h))
            h = self._conv(f"{name}.conv{i}", h)
        if f"{self._prefix}{name}.nin_shortcut.weight" in self._checkpoint:
            x = self._conv(f"{name}.nin_shortcut", x)
        return self._graph.node("Add", name, [x, h])

    def _attention(self, name: str, x: str) -> str:
        """One head over all h w places."""
        graph = self._graph
        h = self._group_norm(f"{name}.norm", x)
        flat = graph.constant(np.array([0, 0, -1]))
        q, k, v = (graph.node("Reshape", f"{name}.{part}.flat", [self._conv(f"{name}.{part}", h), flat]) for part in "qkv")  # [1, C, h w]
        channels = self._tensor(f"{name}.q.weight", None, None, 1, 1).shape[0]
        products = graph.node("MatMul", f"{name}.products", [graph.node("Transpose", f"{name}.q.rows", [q], perm=[0, 2, 1]), k])
        scaled = graph.node("Mul", f"{name}.scaled", [products, graph.constant(np.float32(channels**-0.5))])
        weights = graph.node("Softmax", f"{name}.weights", [scaled], axis=-1)  # [1, queries, keys]
        columns = graph.node("Transpose", f"{name}.weights.columns", [weights], perm=[0, 2, 1])
        attended = graph.node("MatMul", f"{name}.attended", [v, columns])
        attended = graph.node("Reshape", f"{name}.map", [attended, graph.node("Shape", f"{name}.shape", [x])])
        return graph.node("Add", name, [x, self._conv(f"{name}.proj_out", attended)])

    def _group_norm(self, name: str, x: str) -> str:
        """InstanceNormalization over [1, groups, the rest], which every provider has, then the affine part per channel."""
        graph = self._graph
        gamma = self._tensor(f"{name}.weight", None)
        if gamma.shape[0] % self._groups:
            raise ExportError(f"{self._prefix}{name}.weight has {gamma.shape[0]} channels, which {self._groups} groups cannot share evenly: correct vq_config.norm_groups in config.json.")
        beta = self._tensor(f"{name}.bias", *gamma.shape)
        ones, zeros = (graph.constant(np.full(self._groups, value, np.float32)) for value in (1, 0))
        grouped = graph.node("Reshape", f"{name}.grouped", [x, graph.constant(np.array([0, self._groups, -1]))])
        normed = graph.node("InstanceNormalization", f"{name}.normed", [grouped, ones, zeros], epsilon=EPSILON)
        normed = graph.node("Reshape", f"{name}.map", [normed, graph.node("Shape", f"{name}.shape", [x])])
        scaled = graph.node("Mul", f"{name}.scaled", [normed, graph.constant(gamma.float32()[:, None, None])])
        return graph.node("Add", name, [scaled, graph.constant(beta.float32()[:, None, None])])

    def _silu(self, name: str, x: str) -> str:
        return self._graph.node("QuickGelu", name, [x], MICROSOFT, alpha=1.0)

    def _conv(self, name: str, x: str, channels: int | None = None) -> str:
        weight = self._tensor(f"{name}.weight", None, channels, None, None)
        bias = self._tensor(f"{name}.bias", weight.shape[0])
        padding = weight.shape[2] // 2
        inputs = [x, self._weights.cast(weight, FLOAT), self._graph.constant(bias.float32())]
        return self._graph.node("Conv", name, inputs, kernel_shape=weight.shape[2:], pads=[padding] * 4)

    def _pixels(self, x: str) -> None:
        """[-1, 1] to 0..255, clipped and truncated as Chameleon does, and the picture as PNG."""
        graph = self._graph
        x = graph.node("Clip", "clipped", [x, graph.constant(np.float32(-1)), graph.constant(np.float32(1))])
        x = graph.node("Mul", "scaled", [x, graph.constant(np.float32(127.5))])
        x = graph.node("Add", "levels", [x, graph.constant(np.float32(127.5))])
        x = graph.node("Cast", "bytes", [graph.node("Transpose", "pixels", [x], perm=[0, 2, 3, 1])], to=UINT8)
        graph.node("Identity", contract.RGB, [x])
        picture = graph.node("Squeeze", "picture", [x, graph.constant(np.array([0]))])
        graph.node("EncodeImage", contract.PNG, [picture], "com.microsoft.extensions", format="png", color_space="rgb")
        graph.output(contract.RGB, UINT8, [1, "H", "W", 3])
        graph.output(contract.PNG, UINT8, ["bytes"])

    def _tensor(self, name: str, *shape: int | None) -> Tensor:
        return self._checkpoint.tensor(self._prefix + name, *shape)

    def _indices(self, pattern: str) -> range:
        """0, 1, ... for as long as the checkpoint has a tensor of that name."""
        count = 0
        while self._prefix + pattern.format(count) in self._checkpoint:
            count += 1
        return range(count)
