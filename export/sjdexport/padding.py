"""Widens heads that ONNX Runtime's attention does not accept, with channels of zeros. Results stay the same."""

from __future__ import annotations

import dataclasses

import numpy as np

from .errors import ExportError
from .rotary import Rotary
from .tensors import Computed, Tensor
from .transformer import Layer, Source

MULTIPLE = 16  # GroupQueryAttention with rotation takes heads of 16, 32, ... channels


def with_wide_heads(source: Source) -> Source:
    """The source with heads of an accepted width; the source itself if its heads have one."""
    return PaddedHeads(source) if source.shape.head_dim % MULTIPLE else source


class PaddedHeads:
    """A source whose heads are widened to the next multiple of 16.

    Queries and keys get channels of zeros, so their products stay the same. Values get them too, and the output projection ignores them.
    Products are still divided by the root of the original width.
    """

    def __init__(self, source: Source) -> None:
        shape = source.shape
        self._source, self._width = source, shape.head_dim
        width = -(-shape.head_dim // MULTIPLE) * MULTIPLE
        self.shape = dataclasses.replace(
            shape, head_dim=width, rotary=PaddedRotary(shape.rotary, width),
            attention_scale=shape.attention_scale or shape.head_dim**-0.5,
        )
        self.embedding, self.final_norm, self.head = source.embedding, source.final_norm, source.head
        half = shape.head_dim // 2
        pairs = np.arange(half)
        # The new places of a head's channels. Pairs stay pairs.
        self._places = np.arange(shape.head_dim) if shape.rotary.interleaved else np.concatenate([pairs, width // 2 + pairs])

    def layer(self, index: int) -> Layer:
        layer = self._source.layer(index)
        if layer.head_norm is not None:
            raise ExportError(
                f"heads have {self._width} channels; expected a multiple of {MULTIPLE}, as ONNX Runtime's rotary attention needs: "
                "heads with a norm cannot be widened."
            )
        return dataclasses.replace(layer, qkv=[self._widened(part) for part in layer.qkv], output=self._widened(layer.output, columns=True))

    def _widened(self, matrix: Tensor, columns: bool = False) -> Tensor:
        axis = 1 if columns else 0
        shape = list(matrix.shape)
        shape[axis] = shape[axis] // self._width * self.shape.head_dim

        def values() -> np.ndarray:
            raw = np.asarray(matrix.raw())
            return self._widen(raw.T).T if columns else self._widen(raw)

        return Computed(f"{matrix.name}.padded", tuple(shape), values, matrix.dtype)

    def _widen(self, rows: np.ndarray) -> np.ndarray:
        """[heads * width, ...] to [heads * wider, ...]. Zero bits are the number zero in every type."""
        heads = rows.reshape(-1, self._width, *rows.shape[1:])
        wide = np.zeros((len(heads), self.shape.head_dim, *rows.shape[1:]), rows.dtype)
        wide[:, self._places] = heads
        return wide.reshape(-1, *rows.shape[1:])


@dataclasses.dataclass(frozen=True)
class PaddedRotary:
    """Rotary tables for widened heads. Pairs of zeros need no rotation."""

    rotary: Rotary
    head_dim: int

    @property
    def interleaved(self) -> bool:
        return self.rotary.interleaved

    @property
    def spare(self) -> int:
        return self.rotary.spare

    def tables(self, places: int) -> tuple[np.ndarray, np.ndarray]:
        cos, sin = (np.pad(table, ((0, 0), (0, self.head_dim // 2 - table.shape[1]))) for table in self.rotary.tables(places))
        return cos, sin
