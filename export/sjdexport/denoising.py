"""The additions of SJD2 (arXiv 2510.08994) to a transformer, which then reads embeddings between noise and the embedding of an image code.

Besides the ids, the graph reads for each row its embedding of the previous pass and the next denoising step. It makes that step towards the
embedding of the id, and returns the new embedding for the next pass. Rows at level 0 are read as their ids, and give the same bits as in a
model without noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import contract
from .checkpoint import Checkpoint
from .errors import ExportError
from .graph import FLOAT, Graph
from .precision import MICROSOFT
from .shapes import ALL_OR_ONE
from .tensors import Tensor
from .weights import Weights

PREFIX = "denoising."
TOKEN = "token"  # of `levels` in model.json: a timestep token tells the level
LEVELS = f"{PREFIX}levels."
TIMESTEPS, LONGEST = 1000, 10000.0  # radians at t = 1 of the fastest encoding, and how many times slower the slowest is
OCTAVES = 8  # between the lowest and the highest frequency of a level's features


@dataclasses.dataclass(frozen=True)
class Dense:
    weight: Tensor  # [outputs, inputs]
    bias: np.ndarray  # [outputs]


@dataclasses.dataclass(frozen=True)
class Denoising:
    """The tensors that fine-tuning (export/training/sjd2) adds to a checkpoint."""

    mean: np.ndarray  # [hidden], of the image codes' embeddings
    std: np.ndarray  # [hidden]
    levels: tuple[Dense, Dense] | None  # two layers with SiLU between them, which compute the vector of a level; None if nothing is added
    has_tokens: bool  # whether a timestep token beside each noisy row tells its level; such rows are read like noisy ones

    @classmethod
    def read(cls, checkpoint: Checkpoint, hidden: int, section: Mapping[str, Any] | None) -> Denoising | None:
        """The additions, or None if the checkpoint has none.

        Raises ExportError if weights and generation.json do not match or have unusable values.
        """
        path = checkpoint.folder / "generation.json"
        names = [name for name in checkpoint.names() if name.startswith(PREFIX)]
        if (section is None) == bool(names):
            there, missing = (f"the weights have {min(names)}", f"{path} has no section denoising") if names else (
                f"{path} has a section denoising", f"the weights have no {PREFIX}mean")
            raise ExportError(f"{there}, but {missing}: export the folder that fine-tuning (training.sjd2.finetune) wrote, which has both.")
        if section is None:
            return None
        if len(section["alpha"]) != len(section["sigma"]):
            raise ExportError(
                f"{path}: section denoising has {len(section['alpha'])} values of alpha and {len(section['sigma'])} of sigma; "
                "expected the same number.")
        mean, std = (checkpoint.tensor(f"{PREFIX}{name}", hidden).float32() for name in ("mean", "std"))
        if not (std > 0).all():
            raise ExportError(f"denoising.std has the value {std.min():g} in channel {std.argmin()}; expected numbers above 0.")
        levels = [name for name in names if name.startswith(LEVELS)]
        has_tokens = section.get("levels") == TOKEN
        if has_tokens and levels:
            raise ExportError(
                f"{path}: section denoising has the levels {TOKEN}, and the weights have {min(levels)}; expected one way to tell the model "
                "a level.")
        return cls(mean, std, _levels(checkpoint, hidden) if levels else None, has_tokens)

    def section(self) -> dict[str, Any]:
        """The fields of model.json's section, except the schedule and the number of steps."""
        return {"hidden": len(self.mean), "normalization": "channel", "levels": self._told()}

    def _told(self) -> str:
        return TOKEN if self.has_tokens else "untold" if self.levels is None else "added"

    def build(self, graph: Graph, weights: Weights, rows: str, type: int) -> str:
        """Adds the step from the ids' embeddings `rows` to the rows [1, S, hidden] that the transformer reads; returns their name."""
        hidden = len(self.mean)
        before = graph.input(contract.NOISY_EMBEDDINGS, FLOAT, [1, ALL_OR_ONE, hidden])
        steps = graph.input(contract.DENOISING, FLOAT, [1, ALL_OR_ONE, len(contract.DENOISING_FIELDS)])
        names = [f"denoising.{name}" for name in contract.DENOISING_FIELDS]
        keep, add, level = graph.nodes("Split", names, [steps], axis=2, num_outputs=len(names))
        mean, std = graph.constant(self.mean, "denoising.mean"), graph.constant(self.std, "denoising.std")
        clean = rows if type == FLOAT else graph.node("Cast", "denoising.clean", [rows], to=FLOAT)
        estimate = graph.node("Div", "denoising.estimate", [graph.node("Sub", "denoising.centered", [clean, mean]), std])
        kept = graph.node("Mul", "denoising.kept", [before, keep])
        added = graph.node("Mul", "denoising.added", [estimate, add])
        after = graph.node("Add", contract.DENOISED_EMBEDDINGS, [kept, added])
        graph.output(after, FLOAT, [1, "S", hidden])
        noisy = graph.node("Add", "denoising.restored", [graph.node("Mul", "denoising.scaled", [after, std]), mean])
        if self.levels is not None:
            noisy = graph.node("Add", "denoising.leveled", [noisy, self._level_vectors(graph, weights, level)])
        if type != FLOAT:
            noisy = graph.node("Cast", "denoising.noisy", [noisy], to=type)
        is_noisy = graph.node("Greater", "denoising.is_noisy", [level, graph.constant(np.float32(0))])
        return graph.node("Where", "denoising.rows", [is_noisy, noisy, rows])

    def _level_vectors(self, graph: Graph, weights: Weights, level: str) -> str:
        """The vectors [1, N, hidden] of levels [1, N, 1]."""
        first, second = self.levels
        angles = graph.node(
            "Mul", "denoising.angles", [level, graph.constant(frequencies(first.weight.shape[1] // 2), "denoising.frequencies")])
        x = graph.node(
            "Concat", "denoising.features", [graph.node(op, f"denoising.{op.lower()}", [angles]) for op in ("Cos", "Sin")], axis=-1)
        x = _dense(graph, weights, "denoising.first", x, first)
        x = graph.node("QuickGelu", "denoising.silu", [x], MICROSOFT, alpha=1.0)
        return _dense(graph, weights, "denoising.second", x, second)


def frequencies(count: int) -> np.ndarray:
    """Radians per unit of level, float32 [count].

    Fine-tuning uses the same ones, so changing a bit here would change every trained model.
    """
    return np.float32(math.pi) * (2 ** (np.arange(count) * OCTAVES / count)).astype(np.float32)


def timestep_encoding(t: float, hidden: int) -> np.ndarray:
    """The normalized embedding, float32 [hidden], of the token that tells a model the share of noise t, from 0 to 1.

    Cosines and then sines, with deviation 1 as normalized embeddings have. The engine computes the same.
    """
    angles = TIMESTEPS * t * LONGEST ** (-np.arange(hidden // 2) / (hidden // 2))
    return np.concatenate([np.cos(angles), np.sin(angles), np.zeros(hidden % 2)]).astype(np.float32) * np.float32(math.sqrt(2))


def _levels(checkpoint: Checkpoint, hidden: int) -> tuple[Dense, Dense]:
    def dense(name: str, outputs: int | None, inputs: int | None) -> Dense:
        weight = checkpoint.tensor(f"{LEVELS}{name}.weight", outputs, inputs)
        return Dense(weight, checkpoint.tensor(f"{LEVELS}{name}.bias", weight.shape[0]).float32())

    first = dense("first", None, None)
    if first.weight.shape[1] % 2:
        raise ExportError(
            f"{first.weight.name} reads {first.weight.shape[1]} features; expected an even number, a cosine and a sine for each frequency.")
    return first, dense("second", hidden, first.weight.shape[0])


def _dense(graph: Graph, weights: Weights, name: str, x: str, dense: Dense) -> str:
    product = graph.node("MatMul", f"{name}.product", [x, weights.columns(name, [dense.weight], FLOAT)])
    return graph.node("Add", name, [product, graph.constant(dense.bias, f"{name}.bias")])
