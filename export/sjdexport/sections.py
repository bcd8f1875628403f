"""The sections of model.json that a family knows, and that generation.json beside the weights may replace."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ExportError
from .families.given import read_json
from .schema import check, definition

SECTIONS = ("license", "prompt", "layout", "image", "sampling", "decoding")
OPTIONAL = ("denoising",)
# Fields that the exporter adds to a section.
ADDED = {"image": ("graph", "pixelsPerCode"), "denoising": ("hidden", "normalization")}
ORDER = ["guidance", "temperature", "topK", "topP"]
# Fields that generation.json may omit, and their default values.
DEFAULTS: dict[str, dict[str, Any]] = {"prompt": {"negative": None, "cleaning": None}, "sampling": {"order": ORDER},
                                       "denoising": {"levels": "untold"}}


def read_generation(path: Path) -> dict[str, Any]:
    """The sections of generation.json, completed with default values, and `name`. Empty if there is no such file.

    Raises ExportError for fields that are unknown, missing or unusable.
    """
    if not path.exists():
        return {}
    given = read_json(path)
    if unknown := set(given) - {"name", *SECTIONS, *OPTIONAL}:
        raise ExportError(f"{path} has the unknown section {min(unknown)}; expected only name, {', '.join((*SECTIONS, *OPTIONAL))}.")
    if "name" in given:
        check(f"{path}: name", given["name"], definition("text"))
    for section in (*SECTIONS, *OPTIONAL):
        if section in given:
            given[section] = _complete(f"{path}: section {section}", section, given[section])
    return given


def merge(family: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All sections: those of generation.json, else the family's.

    Raises ExportError if a section is in neither, or if the layout has other codes than the weights.
    """
    sections = {}
    for section in SECTIONS:
        if section not in given and section not in known:
            raise ExportError(f"the section {section} cannot be read from {family} checkpoints: give it in generation.json.")
        sections[section] = given[section] if section in given else _complete(section, section, known[section])
    codes = {name: sections["layout"][name] for name in ("firstCode", "codes")}
    if "layout" in known and codes != (known_codes := {name: known["layout"][name] for name in codes}):
        raise ExportError(
            f"the layout in generation.json has {_described(codes)}; expected {_described(known_codes)}, as in the weights: "
            "correct generation.json.")
    return sections


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Raises ExportError if the manifest does not follow docs/model.schema.json for its kind."""
    check("model.json", manifest, definition(f"{manifest.get('kind', 'image')}Model"))


def fields(section: str) -> dict[str, Any]:
    """The schema of a section in generation.json, which has no fields that the exporter adds."""
    whole = definition(section)
    added, optional = ADDED.get(section, ()), DEFAULTS.get(section, {})
    return {
        **whole,
        "properties": {name: rules for name, rules in whole["properties"].items() if name not in added},
        "required": [name for name in whole["required"] if name not in added and name not in optional],
    }


def _complete(where: str, name: str, section: Any) -> dict[str, Any]:
    check(where, section, fields(name))
    if name == "denoising":
        _check_schedule(where, section)
    return {**DEFAULTS.get(name, {}), **section}


def _check_schedule(where: str, section: Mapping[str, Any]) -> None:
    alpha, sigma = section["alpha"], section["sigma"]
    if not (alpha[0] == 1 and alpha[-1] == 0 and _rises(alpha[::-1])):
        raise ExportError(f"{where}: alpha is {json.dumps(alpha)}; expected numbers that fall from 1 to 0.")
    if not (sigma[0] == 0 and _rises(sigma)):
        raise ExportError(f"{where}: sigma is {json.dumps(sigma)}; expected numbers that rise from 0.")


def _rises(values: list[float]) -> bool:
    return all(before < after for before, after in itertools.pairwise(values))


def _described(codes: Mapping[str, int]) -> str:
    return f"{codes['codes']} codes from id {codes['firstCode']} on"
