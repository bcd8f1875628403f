"""Checked reading of fields in the JSON files beside checkpoints. `where` is the file's name for error messages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ExportError


def whole(where: Path | str, field: str, value: object) -> int:
    """The value, a positive integer. Raises ExportError if it is something else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ExportError(f"{where}: {field} is {_shown(value)}; expected a positive integer.")
    return value


def number(where: Path | str, field: str, value: object) -> float:
    """The value, a positive number. Raises ExportError if it is something else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ExportError(f"{where}: {field} is {_shown(value)}; expected a positive number.")
    return value


def flag(where: Path | str, field: str, value: object) -> bool:
    """The value, true or false; null counts as false. Raises ExportError if it is something else."""
    if value is not None and not isinstance(value, bool):
        raise ExportError(f"{where}: {field} is {_shown(value)}; expected true or false.")
    return bool(value)


def part(where: Path | str, field: str, value: object) -> Mapping[str, Any]:
    """The value, an object; null counts as an empty one. Raises ExportError if it is something else."""
    if value is not None and not isinstance(value, dict):
        raise ExportError(f"{where}: {field} is {_shown(value)}; expected an object.")
    return value or {}


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)
