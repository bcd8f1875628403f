"""Fields of the JSON files beside checkpoints, believed only after checks. `where` is what holds the field, as sentences name it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ExportError


def whole(where: Path | str, field: str, value: object) -> int:
    """A positive integer. Raises ExportError where it is something else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ExportError(f"{where} has no usable {field} (found {value!r}; expected a positive integer).")
    return value


def number(where: Path | str, field: str, value: object) -> float:
    """A positive number. Raises ExportError where it is something else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ExportError(f"{where} has no usable {field} (found {value!r}; expected a positive number).")
    return value


def flag(where: Path | str, field: str, value: object) -> bool:
    """Raises ExportError where it is neither true nor false, and not null, which is false."""
    if value is not None and not isinstance(value, bool):
        raise ExportError(f"{where} has no usable {field} (found {value!r}; expected true or false).")
    return bool(value)


def part(where: Path | str, field: str, value: object) -> Mapping[str, Any]:
    """An object, empty where there is none. Raises ExportError where it is something else."""
    if value is not None and not isinstance(value, dict):
        raise ExportError(f"{where} has no usable {field} (found {value!r}; expected an object).")
    return value or {}
