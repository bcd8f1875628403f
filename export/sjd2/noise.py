"""How speculative Jacobi-denoising decoding (SJD2, arXiv 2510.08994) noises embeddings of image codes, and how a model is told.

The paper gives e = alpha_t * normalised embedding + sigma_t * noise and that a model is told t by a "timestep encoding"; neither the schedule nor the encoding
is in what could be read of it. Both are choices here, each with an alternative to compare with.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCHEDULES = ("cosine", "linear", "shifted")
SHIFT = 5.0
FREQUENCIES = 32


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Signal and noise at a level from 0 (clean) to 1 (noise alone). "cosine" keeps the variance, "linear" the sum.

    "shifted" is linear at 5 t / (1 + 4 t): one among V codes is lost in d channels of noise only where alpha / sigma falls below about sqrt(2 ln V / d), 0.23 for
    the built-in model's 1,024 codes of 256 channels. The other schedules spend five sixths of their levels above that, where a model can tell the code
    anyway; this one half.
    """

    kind: str

    def alpha(self, level: Tensor) -> Tensor:
        return torch.cos(level * math.pi / 2) if self.kind == "cosine" else 1 - self.sigma(level)

    def sigma(self, level: Tensor) -> Tensor:
        if self.kind == "cosine":
            return torch.sin(level * math.pi / 2)
        return SHIFT * level / (1 + (SHIFT - 1) * level) if self.kind == "shifted" else level


class Levels(nn.Module):
    """Tells the model how noisy an embedding is: a vector added to it. Clean embeddings get none, so a clean sequence is read as before."""

    def __init__(self, hidden: int, inner: int = 128) -> None:
        super().__init__()
        self.first = nn.Linear(2 * FREQUENCIES, inner)
        self.second = nn.Linear(inner, hidden)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, level: Tensor) -> Tensor:
        """[..., hidden] of levels [...]."""
        angles = level[..., None] * (math.pi * 2 ** (torch.arange(FREQUENCIES) * 8 / FREQUENCIES))
        features = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
        return self.second(F.silu(self.first(features)))


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of the image codes' embeddings, by channel: [hidden] each. Without it denoising fails, says the paper."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Normalisation:
        return cls(embeddings.mean(dim=0), embeddings.std(dim=0))

    def apply(self, embeddings: Tensor) -> Tensor:
        return (embeddings - self.mean) / self.std

    def undo(self, normalised: Tensor) -> Tensor:
        return normalised * self.std + self.mean


def noisy(clean: Tensor, level: Tensor, schedule: Schedule, normalisation: Normalisation, levels: Levels | None) -> Tensor:
    """Embeddings [N, T, hidden] with those at a level [N, T] above 0 noised and marked."""
    at = level[..., None]
    noise = torch.randn_like(clean)
    mixed = normalisation.undo(schedule.alpha(at) * normalisation.apply(clean) + schedule.sigma(at) * noise)
    if levels is not None:
        mixed = mixed + levels(level)
    return torch.where(at > 0, mixed, clean)


def segment_levels(codes: Tensor) -> Tensor:
    """Levels [N, T] for sequences whose image codes are marked in `codes` [N, T]; all else is clean.

    One sequence in four stays clean, so that plain decoding keeps its quality. The others end, from some place on, in the staircase that a window of
    decoding is: levels that grow to the right, and noise alone behind it. Half of these have, before it, segments with levels of their own, as the paper trains.
    """
    rows = []
    for marks in codes:
        places = marks.nonzero().flatten()
        levels = torch.zeros(len(marks))
        if len(places) > 0 and torch.rand(()) >= 0.25:
            start = int(torch.randint(len(places), ()))
            if torch.rand(()) < 0.5:
                levels[places[:start]] = _segments(start)
            levels[places[start:]] = _staircase(len(places) - start)
        rows.append(levels)
    return torch.stack(rows)


def _segments(count: int) -> Tensor:
    levels = torch.zeros(count)
    place = 0
    while place < count:
        length = int(torch.randint(1, 33, ()))
        if torch.rand(()) < 0.5:
            levels[place : place + length] = torch.rand(())
        place += length
    return levels


def _staircase(count: int) -> Tensor:
    """From nearly clean to noise over 4 to 96 places, in steps of several places, as slots that entered the window together have."""
    length, step = float(torch.randint(4, 97, ())), int(torch.randint(1, 9, ()))
    places = torch.arange(count) // step * step
    return ((places + 1) / length).clamp(max=1.0) ** (0.5 + torch.rand(()))
