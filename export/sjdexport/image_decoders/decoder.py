"""The structure of all decoders: convolution, middle, levels from the lowest resolution to the full one, convolution."""

from __future__ import annotations

import dataclasses

import numpy as np

from .. import contract
from ..checkpoint import Checkpoint
from ..graph import UINT8, Graph
from ..numbering import count
from .blocks import Blocks


@dataclasses.dataclass(frozen=True)
class Names:
    """The names that differ between checkpoints, without prefix."""

    middle: tuple[str, str, str]  # residual block, attention, residual block
    levels: tuple[str, ...]  # from the lowest resolution to the full one
    res_blocks: str  # the residual blocks of a level

    @property
    def pixels_per_code(self) -> int:
        return 2 ** (len(self.levels) - 1)


def read_names(checkpoint: Checkpoint, prefix: str, lowest_first: bool) -> Names:
    """The names of a decoder in taming-transformers' style. It numbers levels from the full resolution down; `lowest_first` means the other
    way round.

    Raises ExportError if there is no such decoder.
    """
    levels = [f"decoder.up.{i}" for i in range(count(checkpoint.names(), f"{prefix}decoder.up."))]
    if not levels:
        checkpoint.tensor(prefix + "decoder.up.0.block.0.conv1.weight", None, None, 3, 3)  # raises the error, because it is missing
    return Names(
        ("decoder.mid.block_1", "decoder.mid.attn_1", "decoder.mid.block_2"), tuple(levels if lowest_first else reversed(levels)), "block"
    )


def decode(blocks: Blocks, names: Names, x: str) -> str:
    """From a latent map to pixels [1, 3, H, W] in about [-1, 1]."""
    x = blocks.conv("decoder.conv_in", x)
    first, attention, second = names.middle
    x = blocks.res_block(second, blocks.attention(attention, blocks.res_block(first, x)))
    for level in names.levels:
        for i in range(blocks.count(f"{level}.{names.res_blocks}.")):
            x = blocks.res_block(f"{level}.{names.res_blocks}.{i}", x)
            if i < blocks.count(f"{level}.attn."):
                x = blocks.attention(f"{level}.attn.{i}", x)
        if level != names.levels[-1]:
            x = blocks.upsample(f"{level}.upsample", x)
    return blocks.conv("decoder.conv_out", blocks.silu("decoder.norm_out.silu", blocks.norm("decoder.norm_out", x)))


def add_output(graph: Graph, x: str, rounded: bool) -> None:
    """Adds the output: pixels [1, 3, H, W] clipped to [-1, 1] and converted to 0..255, truncated or rounded as in the model's own code."""
    x = graph.node("Clip", "clipped", [x, graph.constant(np.float32(-1)), graph.constant(np.float32(1))])
    x = graph.node("Mul", "scaled", [x, graph.constant(np.float32(127.5))])
    x = graph.node("Add", "levels", [x, graph.constant(np.float32(128 if rounded else 127.5))])
    graph.node("Cast", contract.RGB, [graph.node("Transpose", "pixels", [x], perm=[0, 2, 3, 1])], to=UINT8)
    graph.output(contract.RGB, UINT8, [1, "H", "W", 3])
