"""MoVQ's decoder (arXiv 2209.09002), of Lumina-mGPT 2.0 and, after convolutions over time, of Emu3.

Emu3's decoder is made for videos. A still image is the first frame that it makes from a single frame of codes.
"""

from __future__ import annotations

import numpy as np

from ..checkpoint import Checkpoint
from ..graph import Graph
from ..weights import Weights
from .blocks import Blocks
from .decoder import add_output, decode, read_names

BATCH_NORM_EPSILON = 1e-5


class Movq:
    """Has parts over time if the checkpoint has them. Emu3 truncates pixels, Lumina-mGPT 2.0 rounds them."""

    def __init__(self, checkpoint: Checkpoint, prefix: str) -> None:
        self._checkpoint, self._prefix = checkpoint, prefix
        self._names = read_names(checkpoint, prefix, lowest_first=False)
        self._video = f"{prefix}post_quant_conv.conv.weight" in checkpoint
        self.pixels_per_code = self._names.pixels_per_code

    def build(self, graph: Graph, weights: Weights) -> None:
        blocks = Blocks(graph, weights, self._checkpoint, self._prefix)
        vectors = blocks.to_map(blocks.lookup())
        if self._video:
            latent, vectors = first_frame(blocks, vectors)
        else:
            latent = blocks.post_quant_conv(vectors)
        spatial = SpatialBlocks(graph, weights, self._checkpoint, self._prefix, vectors)
        add_output(graph, decode(spatial, self._names, latent), rounded=not self._video)


class SpatialBlocks(Blocks):
    """Blocks with spatial norms: factor and term are 1 x 1 convolutions of the vector of the code at each place.

    They are computed once for each code instead of each place, and applied to a view [1, channels, h, scale, w, scale] of the map. As
    complete maps they would be large (1 GB each at Emu3's full resolution), and ONNX Runtime may compute those of all norms before it uses
    the first: a picture of 720 x 720 would take 11 GB instead of 5, in the same time.
    """

    def __init__(self, graph: Graph, weights: Weights, checkpoint: Checkpoint, prefix: str, vectors: str) -> None:
        super().__init__(graph, weights, checkpoint, prefix)
        self._vectors = vectors  # [1, channels, h, w]
        self._height = graph.node("Shape", "h", [vectors], start=2, end=3)
        self._scale = 1  # places for each code along one side, at the current resolution

    def norm(self, name: str, x: str) -> str:
        """The two convolutions include GroupNorm's gamma and beta: (gamma n + beta) f + t = n (gamma f) + (beta f + t)."""
        graph = self.graph
        gamma, beta = self.norm_parameters(f"{name}.norm_layer")
        factor, term = (self._map_parameters(f"{name}.{part}", len(gamma)) for part in ("conv_y", "conv_b"))
        factors = self._from_vectors(f"{name}.factors", gamma[:, None] * factor)
        terms = self._from_vectors(f"{name}.terms", beta[:, None] * factor + term)
        before, after = (graph.constant(np.array(sizes)) for sizes in ((1, len(gamma)), (self._scale, -1, self._scale)))
        view = graph.node("Concat", f"{name}.view", [before, self._height, after], axis=0)
        scaled = graph.node("Mul", f"{name}.scaled", [self.normalize(name, x, view), factors])
        shifted = graph.node("Add", f"{name}.shifted", [scaled, terms])
        return graph.node("Reshape", name, [shifted, graph.node("Shape", f"{name}.shape", [x])])

    def _map_parameters(self, name: str, channels: int) -> np.ndarray:
        """Weights of a 1 x 1 convolution with the bias as last column, [channels, vector channels + 1]."""
        weight = self.tensor(f"{name}.weight", channels, None, 1, 1).float32()[:, :, 0, 0]
        return np.column_stack([weight, self.tensor(f"{name}.bias", channels).float32()])

    def _from_vectors(self, name: str, parameters: np.ndarray) -> str:
        """The convolution of the code vectors, [1, channels, h, 1, w, 1]."""
        weight = self.graph.constant(parameters[:, :-1, None, None])
        codes = self.convolve(f"{name}.codes", self._vectors, weight, (1, 1), parameters[:, -1])
        return self.graph.node("Unsqueeze", name, [codes, self.graph.constant(np.array([3, 5]))])

    def upsample(self, name: str, x: str) -> str:
        self._scale *= 2
        return super().upsample(name, x)


def first_frame(blocks: Blocks, vectors: str) -> tuple[str, str]:
    """Latent and code vectors of a video's first frame, from those of its only frame of codes.

    Emu3 passes both through residual blocks over time and doublings of time. Its convolutions are padded with zeros before the first frame,
    so the first frame only sees their last tap in time, which is a two-dimensional convolution.
    """
    graph = blocks.graph
    latent = _last_tap(blocks, "post_quant_conv.conv", vectors)
    x = graph.node("Concat", "latent.vectors", [latent, vectors], axis=0)  # [2, channels, h, w]
    for i in range(blocks.count("decoder.time_res_stack.")):
        x = _res_block(blocks, f"decoder.time_res_stack.{i}", x)
    for i in range(blocks.count("decoder.time_conv.")):
        name = f"decoder.time_conv.{i}"
        x = blocks.silu(f"{name}.silu", _last_tap(blocks, f"{name}.conv.conv", x))
    latent, vectors = graph.nodes("Split", ["first_frame.latent", "first_frame.vectors"], [x], axis=0, num_outputs=2)
    return latent, vectors


def _res_block(blocks: Blocks, name: str, x: str) -> str:
    h = x
    for i in (1, 2):
        h = blocks.silu(f"{name}.silu{i}", _batch_norm(blocks, f"{name}.norm{i}", h))
        h = _last_tap(blocks, f"{name}.conv{i}.conv", h)
    return blocks.graph.node("Add", name, [x, h])


def _batch_norm(blocks: Blocks, name: str, x: str) -> str:
    gamma = blocks.tensor(f"{name}.weight", None).float32()
    beta, mean, variance = (blocks.tensor(f"{name}.{part}", len(gamma)).float32() for part in ("bias", "running_mean", "running_var"))
    factor = gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
    return blocks.affine(name, x, factor, beta - mean * factor)


def _last_tap(blocks: Blocks, name: str, x: str) -> str:
    kernel = blocks.tensor(f"{name}.weight", None, None, 3, None, None).float32()[:, :, -1]
    bias = blocks.tensor(f"{name}.bias", len(kernel)).float32()
    return blocks.convolve(name, x, blocks.graph.constant(kernel), kernel.shape[2:], bias)
