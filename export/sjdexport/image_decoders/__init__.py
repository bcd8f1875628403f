"""From codebook indices to pixels: one module for each kind of decoder, over blocks that all share.

All descend from taming-transformers' VQGAN (arXiv 2012.09841) and are convolutional: any h x w of codes decodes. Widths, depths and the
levels that have attention are read from the checkpoint's names and shapes. Activations are float32 whatever the checkpoint's type:
group norms and attention lose too much in half precision, and a picture is decoded once.
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
