"""Chameleon's decoder, of Lumina-mGPT, Anole and the built-in model. Has attention where the checkpoint has it."""

from __future__ import annotations

from ..checkpoint import Checkpoint
from ..graph import Graph
from ..weights import Weights
from .blocks import GROUPS, Blocks
from .decoder import add_output, decode, read_names


class Vqgan:
    """Truncates pixels. `groups` of the norms are GROUPS in every published checkpoint."""

    def __init__(self, checkpoint: Checkpoint, prefix: str, groups: int = GROUPS) -> None:
        self._checkpoint, self._prefix, self._groups = checkpoint, prefix, groups
        self._names = read_names(checkpoint, prefix, lowest_first=False)
        self.pixels_per_code = self._names.pixels_per_code

    def build(self, graph: Graph, weights: Weights) -> None:
        blocks = Blocks(graph, weights, self._checkpoint, self._prefix, self._groups)
        latent = blocks.post_quant_conv(blocks.to_map(blocks.lookup()))
        add_output(graph, decode(blocks, self._names, latent), rounded=False)
