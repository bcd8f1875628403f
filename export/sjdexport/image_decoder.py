"""The image decoder of Chameleon checkpoints as the exporter calls it."""

from __future__ import annotations

from .graph import Graph
from .image_decoders import Vqgan
from .safetensors import Checkpoint
from .weights import Weights


class ImageDecoderGraph:
    def __init__(self, graph: Graph, weights: Weights, checkpoint: Checkpoint, prefix: str, groups: int) -> None:
        self._graph, self._weights = graph, weights
        self._decoder = Vqgan(checkpoint, prefix, groups)
        self.pixels_per_code = self._decoder.pixels_per_code

    def build(self) -> None:
        self._decoder.build(self._graph, self._weights)
