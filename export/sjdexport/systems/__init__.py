"""The Jacobi systems that do not draw images from text, one module each: the tensors' names, and the graphs that the engine iterates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..checkpoint import Checkpoint
from ..families.given import Given
from ..progress import Progress
from .pccot import Pccot
from .tarflow import TarFlow
from .vla import Vla


class System(Protocol):
    """A checkpoint of the system. The constructor raises ExportError if something is missing or does not fit."""

    name: str
    precisions: tuple[str, ...]  # those that it can be exported at; the first is the default

    def __init__(self, given: Given) -> None: ...

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        """Whether the checkpoint belongs to this system, judging by names and shapes of tensors and by config.json."""

    def parts(self, precisions: tuple[str, ...]) -> int:
        """How many steps of progress `write` takes."""

    def write(self, folder: Path, precisions: tuple[str, ...], progress: Progress) -> dict[str, Any]:
        """Writes the graphs and what else the engine reads.

        Returns model.json without "format", "name", "family" and "files"; "kind" and "license" are in it.
        """


SYSTEMS: dict[str, type[System]] = {system.name: system for system in (TarFlow, Pccot, Vla)}


def find_system(name: str | None, checkpoint: Checkpoint, config: Mapping[str, Any]) -> type[System] | None:
    """The system of that name, or the one that the checkpoint belongs to if there is no name; None if there is none."""
    if name is not None:
        return SYSTEMS.get(name)
    return next((system for system in SYSTEMS.values() if system.recognizes(checkpoint, config)), None)
