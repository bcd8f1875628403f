"""The parts of image decoders. Maps are float32 [1, channels, h, w]."""

from __future__ import annotations

import numpy as np

from .. import contract
from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..graph import FLOAT, INT64, Graph
from ..numbering import count
from ..precision import MICROSOFT
from ..tensors import Tensor
from ..weights import Weights

EPSILON = 1e-6
GROUPS = 32


class Blocks:
    """Adds parts to a graph, under their names in the checkpoint without the prefix."""

    def __init__(self, graph: Graph, weights: Weights, checkpoint: Checkpoint, prefix: str, groups: int = GROUPS) -> None:
        self.graph = graph
        self._weights, self._checkpoint, self._prefix, self._groups = weights, checkpoint, prefix, groups

    def lookup(self) -> str:
        """Adds the graph's input; returns its codes' rows of the codebook, [1, h, w, channels]."""
        codes = self.graph.input(contract.CODES, INT64, [1, "h", "w"])
        codebook = self.tensor("quantize.embedding.weight", None, None)
        self.graph.metadata(contract.METADATA_CODES, codebook.shape[0])
        return self.graph.node("Gather", "vectors", [self._weights.converted(codebook, FLOAT), codes])

    def to_map(self, vectors: str) -> str:
        """Vectors [1, h, w, channels] as a map."""
        return self.graph.node("Transpose", "vectors.map", [vectors], perm=[0, 3, 1, 2])

    def post_quant_conv(self, vectors: str) -> str:
        """From a map of code vectors to the latent."""
        _, channels = self.tensor("quantize.embedding.weight", None, None).shape
        return self.conv("post_quant_conv", vectors, channels)

    def conv(self, name: str, x: str, channels: int | None = None) -> str:
        """A convolution with the size of x, padded with zeros by half a kernel."""
        weight = self.tensor(f"{name}.weight", None, channels, None, None)
        bias = self.tensor(f"{name}.bias", weight.shape[0])
        return self.convolve(name, x, self._weights.converted(weight, FLOAT), weight.shape[2:], bias.float32())

    def convolve(self, name: str, x: str, weight: str, kernel: tuple[int, ...], bias: np.ndarray) -> str:
        """The same with a weight that is already in the graph, [channels, channels of x, *kernel]."""
        pads = [size // 2 for size in kernel] * 2
        return self.graph.node("Conv", name, [x, weight, self.graph.constant(bias)], kernel_shape=kernel, pads=pads)

    def silu(self, name: str, x: str) -> str:
        return self.graph.node("QuickGelu", name, [x], MICROSOFT, alpha=1.0)  # x sigmoid(1 x), which is silu

    def norm(self, name: str, x: str) -> str:
        """GroupNorm with gamma and beta for each channel."""
        gamma, beta = self.norm_parameters(name)
        return self.affine(name, self.normalize(name, x, self.graph.node("Shape", f"{name}.shape", [x])), gamma, beta)

    def norm_parameters(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Gamma and beta [channels] of a GroupNorm."""
        gamma = self.tensor(f"{name}.weight", None)
        if gamma.shape[0] % self._groups:
            raise ExportError(
                f"{self._prefix}{name}.weight has {gamma.shape[0]} channels; expected a multiple of {self._groups} groups: "
                "this is another kind of image decoder, or vq_config.norm_groups in config.json is wrong."
            )
        return gamma.float32(), self.tensor(f"{name}.bias", *gamma.shape).float32()

    def normalize(self, name: str, x: str, shape: str) -> str:
        """x with mean 0 and variance 1 in each group, in the given shape.

        It is an InstanceNormalization over [1, groups, all else], which every provider has.
        """
        graph = self.graph
        ones, zeros = (graph.constant(np.full(self._groups, value, np.float32)) for value in (1, 0))
        grouped = graph.node("Reshape", f"{name}.grouped", [x, graph.constant(np.array([0, self._groups, -1]))])
        normed = graph.node("InstanceNormalization", f"{name}.normed", [grouped, ones, zeros], epsilon=EPSILON)
        return graph.node("Reshape", f"{name}.map", [normed, shape])

    def affine(self, name: str, x: str, factor: np.ndarray, term: np.ndarray) -> str:
        """x times a factor plus a term, both [channels]."""
        graph = self.graph
        scaled = graph.node("Mul", f"{name}.scaled", [x, graph.constant(factor[:, None, None])])
        return graph.node("Add", name, [scaled, graph.constant(term[:, None, None])])

    def res_block(self, name: str, x: str) -> str:
        h = x
        for i in (1, 2):
            h = self.silu(f"{name}.silu{i}", self.norm(f"{name}.norm{i}", h))
            h = self.conv(f"{name}.conv{i}", h)
        if self.has(f"{name}.nin_shortcut.weight"):
            x = self.conv(f"{name}.nin_shortcut", x)
        return self.graph.node("Add", name, [x, h])

    def attention(self, name: str, x: str) -> str:
        """Attention with one head over all h * w places; products are scaled by channels^-0.5.

        ONNX Runtime's operator computes it in blocks of queries. All products of Emu3's 8,100 places at once would need 262 MB.
        """
        graph = self.graph
        h = self.norm(f"{name}.norm", x)
        queries, keys, values = (self._rows(f"{name}.{part}", self.conv(f"{name}.{part}", h)) for part in "qkv")
        attended = graph.node("MultiHeadAttention", f"{name}.attended", [queries, keys, values], MICROSOFT, num_heads=1)
        columns = graph.node("Transpose", f"{name}.columns", [attended], perm=[0, 2, 1])
        mapped = graph.node("Reshape", f"{name}.map", [columns, graph.node("Shape", f"{name}.shape", [x])])
        return graph.node("Add", name, [x, self.conv(f"{name}.proj_out", mapped)])

    def _rows(self, name: str, x: str) -> str:
        """A map as rows [1, h * w, channels]."""
        flat = self.graph.node("Reshape", f"{name}.flat", [x, self.graph.constant(np.array([0, 0, -1]))])
        return self.graph.node("Transpose", f"{name}.rows", [flat], perm=[0, 2, 1])

    def upsample(self, name: str, x: str) -> str:
        """Doubles height and width, then a convolution."""
        return self.conv(f"{name}.conv", self.double(f"{name}.nearest", x))

    def double(self, name: str, x: str) -> str:
        """Doubles height and width by repeating every place."""
        scales = self.graph.constant(np.array([1, 1, 2, 2], np.float32))
        return self.graph.node(
            "Resize", name, [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )

    def has(self, name: str) -> bool:
        return self._prefix + name in self._checkpoint

    def tensor(self, name: str, *shape: int | None) -> Tensor:
        return self._checkpoint.tensor(self._prefix + name, *shape)

    def count(self, start: str) -> int:
        return count(self._checkpoint.names(), self._prefix + start)
