"""Image decoders, from codebook indices to pixels: one module for each kind, and blocks that all kinds share.

All descend from taming-transformers' VQGAN (arXiv 2012.09841) and are convolutional, so they decode any h x w of codes. Widths, depths and
the levels with attention come from the names and shapes in the checkpoint. Activations are always float32, because group norms and
attention lose too much in half precision, and a picture is decoded only once.
"""

from __future__ import annotations

from typing import Protocol

from ..graph import Graph
from ..weights import Weights
from .movq import Movq
from .vq16 import Vq16
from .vqgan import Vqgan

__all__ = ["ImageDecoder", "Movq", "Vq16", "Vqgan"]


class ImageDecoder(Protocol):
    pixels_per_code: int  # along one side

    def build(self, graph: Graph, weights: Weights) -> None:
        """Adds codes int64 [1, h, w] to rgb uint8 [1, H, W, 3]."""
