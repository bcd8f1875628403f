"""The decoder of LlamaGen (arXiv 2406.06525) and Janus. Levels are numbered from the lowest resolution up."""

from __future__ import annotations

import numpy as np

from ..checkpoint import Checkpoint
from ..graph import Graph
from ..numbering import count
from ..weights import Weights
from .blocks import Blocks
from .decoder import Names, add_output, decode, read_names

MIN_LENGTH = 1e-12  # PyTorch divides shorter vectors by this


class Vq16:
    """Normalizes code vectors to length 1. LlamaGen rounds pixels, Janus truncates them."""

    def __init__(self, checkpoint: Checkpoint, prefix: str, rounded: bool = False) -> None:
        self._checkpoint, self._prefix, self._rounded = checkpoint, prefix, rounded
        levels = count(checkpoint.names(), f"{prefix}decoder.conv_blocks.")
        if levels:
            middle = ("decoder.mid.0", "decoder.mid.1", "decoder.mid.2")
            self._names = Names(middle, tuple(f"decoder.conv_blocks.{i}" for i in range(levels)), "res")
        else:  # Hugging Face's port of Janus
            self._names = read_names(checkpoint, prefix, lowest_first=True)
        self.pixels_per_code = self._names.pixels_per_code

    def build(self, graph: Graph, weights: Weights) -> None:
        blocks = Blocks(graph, weights, self._checkpoint, self._prefix)
        vectors = blocks.lookup()
        length = graph.node("ReduceL2", "lengths", [vectors, graph.constant(np.array([3]))], keepdims=1)
        length = graph.node("Max", "lengths.positive", [length, graph.constant(np.float32(MIN_LENGTH))])
        latent = blocks.post_quant_conv(blocks.to_map(graph.node("Div", "directions", [vectors, length])))
        add_output(graph, decode(blocks, self._names, latent), self._rounded)
