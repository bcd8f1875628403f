"""Rotary embeddings as tables: the cosine and sine for each position and each pair of a head's channels."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np


class Rotary(Protocol):
    interleaved: bool  # whether neighboring channels are pairs; else channels j and j + head_dim / 2
    spare: int  # rows after the longest sequence, because a sequence may skip as many at the start

    def tables(self, places: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosines and sines [places, head_dim / 2]."""


@dataclasses.dataclass(frozen=True)
class SequenceRotary:
    """Position p rotates pair j by p theta^(-2j / head_dim) (RoFormer, arXiv 2104.09864)."""

    theta: float
    head_dim: int
    interleaved: bool = False
    spare: int = 0

    def tables(self, places: int) -> tuple[np.ndarray, np.ndarray]:
        frequencies = self.theta ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        angles = np.arange(places)[:, None] * frequencies
        return np.cos(angles), np.sin(angles)


@dataclasses.dataclass(frozen=True)
class GridRotary:
    """LlamaGen's: the row of a code in a square picture rotates the first half of the pairs, the column the other half.

    For the conditions before the picture, cosines and sines are zero. So their queries and keys are zero vectors, and all products with
    them are 0.
    """

    theta: float
    head_dim: int
    side: int  # codes in a row
    conditions: int
    interleaved: bool = True
    spare: int = 0

    def tables(self, places: int) -> tuple[np.ndarray, np.ndarray]:
        half = self.head_dim // 2
        frequencies = self.theta ** (-np.arange(0, half, 2) / half)
        row, column = np.divmod(np.arange(self.side**2)[:, None], self.side)
        angles = np.concatenate([row * frequencies, column * frequencies], axis=1)
        tables = np.zeros((2, places, half))
        picture = slice(self.conditions, self.conditions + len(angles))
        tables[:, picture] = np.cos(angles), np.sin(angles)
        return tables[0], tables[1]
