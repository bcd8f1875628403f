"""What SJD2 (arXiv 2510.08994) adds to a transformer: image codes read as embeddings somewhere between noise and the code's own.

The graph of such a model reads, beside the ids, what embedding each row had in the pass before and how far it is denoised now. It takes the step, which
needs the embedding of the id, and returns the new embedding for the pass after. Rows of level 0 are read as their ids, bit by bit as in any other model.
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
from .tensors import Tensor
from .weights import Weights

PREFIX = "denoising."
LEVELS = f"{PREFIX}levels."
OCTAVES = 8  # the frequencies of a level's features span


@dataclasses.dataclass(frozen=True)
class Dense:
    weight: Tensor  # [outputs, inputs]
    bias: np.ndarray  # [outputs]


@dataclasses.dataclass(frozen=True)
class Denoising:
    """What fine-tuning (export/sjd2) adds to a checkpoint."""

    mean: np.ndarray  # [hidden], of the image codes' embeddings
    std: np.ndarray  # [hidden]
    levels: tuple[Dense, Dense] | None  # what a level adds to an embedding: two layers over its features, with SiLU between them; None: nothing

    @classmethod
    def read(cls, checkpoint: Checkpoint, hidden: int, section: Mapping[str, Any] | None) -> Denoising | None:
        """None for a checkpoint without. Raises ExportError where weights and generation.json do not belong together, or values cannot be used."""
        path = checkpoint.folder / "generation.json"
        names = [name for name in checkpoint.names() if name.startswith(PREFIX)]
        if (section is None) == bool(names):
            there, missing = (f"the weights have {min(names)}", f"{path} has no section denoising") if names else (
                f"{path} has a section denoising", f"the weights have no {PREFIX}mean")
            raise ExportError(f"{there}, and {missing}: both come from export/sjd2/finetune.py.")
        if section is None:
            return None
        if len(section["alpha"]) != len(section["sigma"]):
            raise ExportError(
                f"{path}: section denoising has {len(section['alpha'])} values of alpha and {len(section['sigma'])} of sigma; expected a sigma for each alpha.")
        mean, std = (checkpoint.tensor(f"{PREFIX}{name}", hidden).float32() for name in ("mean", "std"))
        if not (std > 0).all():
            raise ExportError(f"denoising.std has the value {std.min():g} in channel {std.argmin()}; a deviation is above 0.")
        return cls(mean, std, _levels(checkpoint, hidden) if any(name.startswith(LEVELS) for name in names) else None)

    def section(self) -> dict[str, Any]:
        """What model.json says beside the schedule and the number of steps."""
        return {"hidden": len(self.mean), "normalisation": "channel", "levels": "untold" if self.levels is None else "added"}

    def build(self, graph: Graph, weights: Weights, rows: str, type: int) -> str:
        """The rows [1, S, hidden] that the transformer reads, of the embeddings of the ids."""
        hidden = len(self.mean)
        before = graph.input(contract.NOISY_EMBEDDINGS, FLOAT, [1, "N", hidden])
        steps = graph.input(contract.DENOISING, FLOAT, [1, "N", len(contract.DENOISING_FIELDS)])
        keep, add, level = graph.nodes(
            "Split", [f"denoising.{name}" for name in contract.DENOISING_FIELDS], [steps], axis=2, num_outputs=len(contract.DENOISING_FIELDS))
        mean, std = graph.constant(self.mean, "denoising.mean"), graph.constant(self.std, "denoising.std")
        clean = rows if type == FLOAT else graph.node("Cast", "denoising.clean", [rows], to=FLOAT)
        estimate = graph.node("Div", "denoising.estimate", [graph.node("Sub", "denoising.centred", [clean, mean]), std])
        kept = graph.node("Mul", "denoising.kept", [before, keep])
        added = graph.node("Mul", "denoising.added", [estimate, add])
        after = graph.node("Add", contract.DENOISED_EMBEDDINGS, [kept, added])
        graph.output(after, FLOAT, [1, "S", hidden])
        noisy = graph.node("Add", "denoising.restored", [graph.node("Mul", "denoising.scaled", [after, std]), mean])
        if self.levels is not None:
            noisy = graph.node("Add", "denoising.told", [noisy, self._tell(graph, weights, level)])
        if type != FLOAT:
            noisy = graph.node("Cast", "denoising.noisy", [noisy], to=type)
        is_noisy = graph.node("Greater", "denoising.is_noisy", [level, graph.constant(np.float32(0))])
        return graph.node("Where", "denoising.rows", [is_noisy, noisy, rows])

    def _tell(self, graph: Graph, weights: Weights, level: str) -> str:
        """[1, N, hidden] of levels [1, N, 1]."""
        first, second = self.levels
        angles = graph.node("Mul", "denoising.angles", [level, graph.constant(frequencies(first.weight.shape[1] // 2), "denoising.frequencies")])
        x = graph.node("Concat", "denoising.features", [graph.node(op, f"denoising.{op.lower()}", [angles]) for op in ("Cos", "Sin")], axis=-1)
        x = _dense(graph, weights, "denoising.first", x, first)
        x = graph.node("QuickGelu", "denoising.silu", [x], MICROSOFT, alpha=1.0)
        return _dense(graph, weights, "denoising.second", x, second)


def frequencies(count: int) -> np.ndarray:
    """Radians per unit of level, float32 [count]: what fine-tuning multiplies levels by too, so a change of a bit is a change of every trained model."""
    return np.float32(math.pi) * (2 ** (np.arange(count) * OCTAVES / count)).astype(np.float32)


def _levels(checkpoint: Checkpoint, hidden: int) -> tuple[Dense, Dense]:
    def dense(name: str, outputs: int | None, inputs: int | None) -> Dense:
        weight = checkpoint.tensor(f"{LEVELS}{name}.weight", outputs, inputs)
        return Dense(weight, checkpoint.tensor(f"{LEVELS}{name}.bias", weight.shape[0]).float32())

    first = dense("first", None, None)
    if first.weight.shape[1] % 2:
        raise ExportError(f"{first.weight.name} reads {first.weight.shape[1]} features; expected a cosine and a sine for each frequency, an even number.")
    return first, dense("second", hidden, first.weight.shape[0])


def _dense(graph: Graph, weights: Weights, name: str, x: str, dense: Dense) -> str:
    product = graph.node("MatMul", f"{name}.product", [x, weights.columns(name, [dense.weight], FLOAT)])
    return graph.node("Add", name, [product, graph.constant(dense.bias, f"{name}.bias")])
