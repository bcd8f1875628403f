"""What weights do not tell: the sections of model.json that a family knows and generation.json beside the weights may replace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import section_values as values
from .errors import ExportError
from .families.given import read_json
from .section_values import Value

ORDER = ["guidance", "temperature", "topK", "topP"]
# Fields that must be there, and those that may, with what they are otherwise (... where they are then left out).
FIELDS: dict[str, tuple[dict[str, Value], dict[str, tuple[Value, Any]]]] = {
    "license": ({"id": values.TEXT, "notice": values.TEXT, "commercial": values.FLAG}, {}),
    "prompt": (
        {"conditional": values.PARTS, "unconditional": values.PARTS, "maxTokens": values.POSITIVE},
        {"negative": (values.TEXT_OR_NULL, None), "cleaning": (values.one_of(None, "t5-captions"), None)},
    ),
    "layout": ({"firstCode": values.ID, "codes": values.SEVERAL, "rowSuffix": values.IDS, "suffix": values.IDS}, {}),
    "image": ({"sizes": values.SIZES}, {}),
    "sampling": (
        {"guidance": values.AMOUNT, "temperature": values.AMOUNT, "topK": values.ID, "topP": values.SHARE}, {"order": (values.one_of(ORDER), ORDER)}),
    "decoding": ({"method": values.TEXT, "window": values.WINDOW, "initialisation": values.TEXT}, {"sequential": (values.SEQUENTIAL, ...)}),
}
# Sections of generation.json that most models have no use for.
OPTIONAL: dict[str, tuple[dict[str, Value], dict[str, tuple[Value, Any]]]] = {
    "denoising": ({"steps": values.POSITIVE, "alpha": values.FALLING, "sigma": values.RISING}, {}),
}


def read_generation(path: Path) -> dict[str, Any]:
    """generation.json's sections and `name`, complete; none if there is no such file. Raises ExportError at what is unknown, missing or unusable."""
    if not path.exists():
        return {}
    given = read_json(path)
    sections = FIELDS | OPTIONAL
    if unknown := set(given) - {"name", *sections}:
        raise ExportError(f"{path} has the unknown section {min(unknown)}; known are name, {', '.join(sections)}.")
    if "name" in given:
        values.TEXT.check(f"{path}: name", given["name"])
    for section in sections:
        if section in given:
            given[section] = _complete(f"{path}: section {section}", given[section], *sections[section])
    return given


def merge(family: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All sections: those given, else those the family knows.

    Raises ExportError if neither has one, or if the weights have other codes than are given.
    """
    sections = {}
    for section, fields in FIELDS.items():
        if section not in given and section not in known:
            raise ExportError(f"{family} checkpoints do not tell their {section}: say it in generation.json.")
        sections[section] = given[section] if section in given else _complete(section, known[section], *fields)
    codes = {name: sections["layout"][name] for name in ("firstCode", "codes")}
    if "layout" in known and codes != (known_codes := {name: known["layout"][name] for name in codes}):
        raise ExportError(f"generation.json's layout has {_described(codes)}, and the weights have {_described(known_codes)}: correct generation.json.")
    return sections


def _described(codes: Mapping[str, int]) -> str:
    return f"{codes['codes']} codes from id {codes['firstCode']} on"


def _complete(where: str, section: object, required: Mapping[str, Value], optional: Mapping[str, tuple[Value, Any]]) -> dict[str, Any]:
    if not isinstance(section, dict):
        raise ExportError(f"{where} is {json.dumps(section)}; expected an object.")
    if not required.keys() <= section.keys() <= required.keys() | optional.keys():
        may = f" (and may be {sorted(optional)})" if optional else ""
        raise ExportError(f"{where} has the fields {sorted(section)}; expected are {sorted(required)}{may}.")
    for name, value in section.items():
        (required[name] if name in required else optional[name][0]).check(f"{where}: {name}", value)
    return {**{name: value for name, (_, value) in optional.items() if value is not ...}, **section}
