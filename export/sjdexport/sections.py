"""What weights do not tell: the sections of model.json that a family knows and generation.json beside the weights may replace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ExportError
from .families.given import read_json

ORDER = ["guidance", "temperature", "topK", "topP"]
# Fields that must be there, and those that may, with what they are otherwise (... where they are then left out).
FIELDS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "license": ({"id", "notice", "commercial"}, {}),
    "prompt": ({"conditional", "unconditional", "maxTokens"}, {"negative": None, "cleaning": None}),
    "layout": ({"firstCode", "codes", "rowSuffix", "suffix"}, {}),
    "image": ({"sizes"}, {}),
    "sampling": ({"guidance", "temperature", "topK", "topP"}, {"order": ORDER}),
    "decoding": ({"method", "window", "initialisation"}, {"sequential": ...}),
}


def read_generation(path: Path) -> dict[str, Any]:
    """generation.json's sections and `name`, complete; none if there is no such file. Raises ExportError at what is unknown or missing."""
    if not path.exists():
        return {}
    given = read_json(path)
    if unknown := set(given) - {"name", *FIELDS}:
        raise ExportError(f"{path} has the unknown section {min(unknown)}; known are name, {', '.join(FIELDS)}.")
    for section in set(given) & set(FIELDS):
        given[section] = _complete(f"{path}: section {section}", given[section], *FIELDS[section])
    return given


def merge(family: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All sections: those given, else those the family knows. Raises ExportError if neither has one."""
    sections = {}
    for section, (required, optional) in FIELDS.items():
        if section not in given and section not in known:
            raise ExportError(f"{family} checkpoints do not tell their {section}: say it in generation.json.")
        sections[section] = given[section] if section in given else _complete(section, known[section], required, optional)
    return sections


def _complete(where: str, section: object, required: set[str], optional: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(section, dict):
        raise ExportError(f"{where} is {json.dumps(section)}; expected an object.")
    if not required <= set(section) <= required | set(optional):
        may = f" (and may be {sorted(optional)})" if optional else ""
        raise ExportError(f"{where} has the fields {sorted(section)}; expected are {sorted(required)}{may}.")
    return {**{name: value for name, value in optional.items() if value is not ...}, **section}
