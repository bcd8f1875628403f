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

from sjdexport.denoising import frequencies

SCHEDULES = ("cosine", "linear", "shifted")
SHIFT = 5.0
FREQUENCIES = 32
STAIRS = (1, 1, 2, 2, 3, 4, 6, 8, 12, 20)  # denoising steps in training, few of them oftener


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Signal and noise at a level from 0 (clean) to 1 (noise alone). "cosine" keeps the variance, "linear" the sum.

    "cosine" is taken: it left the built-in model better at clean sequences than "shifted" after as many steps, and decoding as fast (docs/benchmarks/sjd2.md).
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
        self.register_buffer("frequencies", torch.from_numpy(frequencies(FREQUENCIES)), persistent=False)  # those of the graph
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, level: Tensor) -> Tensor:
        """[..., hidden] of levels [...]."""
        angles = level[..., None] * self.frequencies
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


def segment_levels(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Levels [N, T] for sequences whose image codes are marked in `codes` [N, T], and how much what follows each counts; all else is clean.

    One sequence in four stays clean, so that plain decoding keeps its quality. The others end, from some place on, in the staircase that a window of
    decoding is. Half of these have, before it, segments with levels of their own, as the paper trains.
    """
    levels, weights = torch.zeros(codes.shape), torch.ones(codes.shape)
    for row, marks in enumerate(codes):
        places = marks.nonzero().flatten()
        if len(places) == 0 or torch.rand(()) < 0.25:
            continue
        start = int(torch.randint(len(places), ()))
        if torch.rand(()) < 0.5:
            levels[row, places[:start]] = _segments(start)
        levels[row, places[start:]], weights[row, places[start:]] = _staircase(len(places) - start)
    return levels, weights


def _segments(count: int) -> Tensor:
    levels = torch.zeros(count)
    place = 0
    while place < count:
        length = int(torch.randint(1, 33, ()))
        if torch.rand(()) < 0.5:
            levels[place : place + length] = torch.rand(())
        place += length
    return levels


def _staircase(count: int) -> tuple[Tensor, Tensor]:
    """Levels and weights of a window: as many stairs as decoding has denoising steps, each as wide as the slots that entered it in one pass.

    Behind them is noise alone, as when a picture begins. What follows that can hardly be known: it counts, but a quarter.
    """
    stairs, width = STAIRS[int(torch.randint(len(STAIRS), ()))], int(torch.randint(1, 13, ()))
    stair = torch.arange(count) // width
    return ((stair + 1) / stairs).clamp(max=1.0), torch.where(stair < stairs, 1.0, 0.25)
