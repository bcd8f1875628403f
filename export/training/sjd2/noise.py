"""How SJD2 (speculative Jacobi-denoising decoding, arXiv 2510.08994) adds noise to embeddings of image codes, and tells the model the noise
level.

The paper has e = (1 - t) * normalized embedding + t * noise, and a token beside each noisy one tells the model t. `published_levels` and
the schedule "karras" are its recipe. Our own recipe (`segment_levels`) trains for the decoding method `sjd2` and has a schedule and a way
to tell the level that are choices, each with an alternative to compare with.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sjdexport.denoising import frequencies

SCHEDULES = ("cosine", "linear", "shifted", "karras")
SHIFT = 5.0
FREQUENCIES = 32
LARGEST = 8  # segments of the paper's recipe have up to an eighth of the picture's codes
KARRAS_STEPS, RHO, LOWEST = 25, 7.0, 0.002  # the paper gives the steps; the others are those of Karras et al. (arXiv 2206.00364)
STAIRS = (1, 1, 2, 2, 3, 4, 6, 8, 12, 20)  # numbers of denoising steps in training; small numbers are more frequent


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Factors of signal and noise at a level from 0 (clean) to 1 (only noise). "cosine" keeps the variance constant, the others the sum
    of both factors.

    "karras" is the paper's: sigma is t of flow matching, and of 25 even levels, the share of noise t rises as Karras et al. space it, from
    0.002 at the first to 1. Between two of them it is linear.

    "cosine" is the default. After the same number of steps it left the built-in model better at clean sequences than "shifted", and
    decoding equally fast (docs/benchmarks/sjd2.md). "shifted" is linear in 5 t / (1 + 4 t). One of V codes is only lost in d channels of
    noise if alpha / sigma is below about sqrt(2 ln V / d), which is 0.23 for the built-in model's 1,024 codes of 256 channels. The other
    schedules have five sixths of their levels above that, where the code can be recognized anyway, and "shifted" has half of them there.
    """

    kind: str

    def alpha(self, level: Tensor) -> Tensor:
        return torch.cos(level * math.pi / 2) if self.kind == "cosine" else 1 - self.sigma(level)

    def sigma(self, level: Tensor) -> Tensor:
        if self.kind == "cosine":
            return torch.sin(level * math.pi / 2)
        if self.kind == "karras":
            step, low = level * KARRAS_STEPS, LOWEST ** (1 / RHO)
            before = step.floor()
            at, after = (
                torch.where(k > 0, (low + (k - 1).clamp(0, KARRAS_STEPS - 1) / (KARRAS_STEPS - 1) * (1 - low)) ** RHO, 0.0)
                for k in (before, before + 1))
            return at + (step - before) * (after - at)
        return SHIFT * level / (1 + (SHIFT - 1) * level) if self.kind == "shifted" else level


class Levels(nn.Module):
    """Computes a vector for each noise level, which is added to the embedding.

    Nothing is added to clean embeddings, so clean sequences give the same logits.
    """

    def __init__(self, hidden: int, inner: int = 128) -> None:
        super().__init__()
        self.first = nn.Linear(2 * FREQUENCIES, inner)
        self.second = nn.Linear(inner, hidden)
        # the same as in the exported graph
        self.register_buffer("frequencies", torch.from_numpy(frequencies(FREQUENCIES)), persistent=False)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, level: Tensor) -> Tensor:
        """[..., hidden] of levels [...]."""
        angles = level[..., None] * self.frequencies
        features = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)
        return self.second(F.silu(self.first(features)))


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of the image codes' embeddings for each channel, [hidden] each.

    The paper says that denoising fails without it.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Normalization:
        return cls(embeddings.mean(dim=0), embeddings.std(dim=0))

    def apply(self, embeddings: Tensor) -> Tensor:
        return (embeddings - self.mean) / self.std

    def undo(self, normalized: Tensor) -> Tensor:
        return normalized * self.std + self.mean


def noisy(clean: Tensor, level: Tensor, schedule: Schedule, normalization: Normalization, levels: Levels | None) -> Tensor:
    """Embeddings [N, T, hidden]. Where the level [N, T] is above 0, they get noise and the vector of their level."""
    at = level[..., None]
    noise = torch.randn_like(clean)
    mixed = normalization.undo(schedule.alpha(at) * normalization.apply(clean) + schedule.sigma(at) * noise)
    if levels is not None:
        mixed = mixed + levels(level)
    return torch.where(at > 0, mixed, clean)


def segment_levels(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Random levels [N, T] for training, and weights [N, T] of the losses after each position. `codes` [N, T] marks image codes; all else
    stays clean.

    One sequence in four stays clean, so that plain decoding keeps its quality. In the others, the part from a random position on has the
    levels of a decoding window, which rise like a staircase. In half of these, the part before it consists of segments with one random
    level each, as in the paper.
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


def published_levels(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Random levels [N, T] for training by the paper's recipe, and weights [N, T] of the losses, which are all 1.

    Image codes form segments of random size, each with one of the 26 levels of decoding. Levels rise from segment to segment, fall back
    to 0 at a random one, and rise again. `codes` [N, T] marks image codes; all else stays clean.
    """
    levels = torch.zeros(codes.shape)
    for row, marks in enumerate(codes):
        places, sizes = marks.nonzero().flatten(), []
        while sum(sizes) < len(places):
            sizes.append(int(torch.randint(1, max(2, len(places) // LARGEST + 1), ())))
        if not sizes:
            continue
        of_segments, back = torch.randint(KARRAS_STEPS + 1, (len(sizes),)), int(torch.randint(len(sizes), ()))
        of_segments[back] = 0
        of_segments = torch.cat([part.sort().values for part in (of_segments[:back], of_segments[back:])])
        levels[row, places] = of_segments.repeat_interleave(torch.tensor(sizes))[: len(places)] / KARRAS_STEPS
    return levels, torch.ones(codes.shape)


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
    """Levels and weights of a window: one stair for each denoising step, as wide as the number of slots that enter in one pass.

    After the stairs there is only noise, as at the start of a picture. Codes there can hardly be predicted, so they count a quarter.
    """
    stairs, width = STAIRS[int(torch.randint(len(STAIRS), ()))], int(torch.randint(1, 13, ()))
    stair = torch.arange(count) // width
    return ((stair + 1) / stairs).clamp(max=1.0), torch.where(stair < stairs, 1.0, 0.25)
