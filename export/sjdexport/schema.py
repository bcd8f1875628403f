"""docs/model.schema.json, and a validator for the part of JSON Schema 2020-12 that it uses."""

from __future__ import annotations

import functools
import json
import math
import re
from pathlib import Path
from typing import Any

from .errors import ExportError

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "model.schema.json"
KEYWORDS = {
    "$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "anyOf", "minimum", "maximum", "exclusiveMinimum",
    "minLength", "pattern", "items", "minItems", "maxItems", "properties", "required", "additionalProperties", "propertyNames",
}
WORDS = {
    "null": "null", "boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "text", "array": "a list",
    "object": "an object",
}


@functools.cache
def schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def definition(name: str) -> dict[str, Any]:
    return schema()["$defs"][name]


def check(where: str, value: object, rules: dict[str, Any]) -> None:
    """Raises ExportError for the first part of the value that breaks the rules. `where` is the value's name in the message."""
    rules = _resolved(rules)
    if unknown := rules.keys() - KEYWORDS:
        raise NotImplementedError(f"{SCHEMA.name} has the keyword {min(unknown)}, which this validator does not know.")
    if "anyOf" in rules:
        _check_choices(where, value, [_resolved(choice) for choice in rules["anyOf"]])
        return
    if not _is_plain(value, rules):
        raise ExportError(f"{where} is {json.dumps(value, ensure_ascii=False)}; expected {_expected(rules)}.")
    if isinstance(value, list):
        for item in value:
            _check_item(where, value, item, rules)
    if isinstance(value, dict):
        _check_fields(where, value, rules)


def _check_choices(where: str, value: object, choices: list[dict[str, Any]]) -> None:
    """If the value is an object and only one choice is for objects, the message is about the part of the value that is wrong."""
    objects = [choice for choice in choices if choice.get("type") == "object"]
    if isinstance(value, dict) and len(objects) == 1:
        check(where, value, objects[0])
    elif not any(_holds(value, choice) for choice in choices):
        raise ExportError(f"{where} is {json.dumps(value, ensure_ascii=False)}; expected {' or '.join(map(_expected, choices))}.")


def _check_item(where: str, whole: list, item: object, rules: dict[str, Any]) -> None:
    """The message shows the whole list, because an item alone would not say where it is."""
    if "items" in rules and not _holds(item, rules["items"]):
        raise ExportError(f"{where} is {json.dumps(whole, ensure_ascii=False)}; expected {_expected(rules)}.")


def _check_fields(where: str, value: dict[str, Any], rules: dict[str, Any]) -> None:
    known, others = rules.get("properties", {}), rules.get("additionalProperties", True)
    if missing := [name for name in rules.get("required", []) if name not in value]:
        raise ExportError(f"{where} has the fields {sorted(value)} but not {missing[0]}; expected {sorted(rules['required'])}.")
    for name, field in value.items():
        if "propertyNames" in rules and not _holds(name, rules["propertyNames"]):
            raise ExportError(f"{where} has the field {name}; expected names of the form {rules['propertyNames']['pattern']}.")
        if name in known:
            check(f"{where}: {name}", field, known[name])
        elif others is False:
            raise ExportError(f"{where} has the field {name}; expected only {sorted(known)}.")
        elif others is not True:
            check(f"{where}: {name}", field, others)


def _holds(value: object, rules: dict[str, Any]) -> bool:
    try:
        check("", value, rules)
    except ExportError:
        return False
    return True


def _resolved(rules: dict[str, Any]) -> dict[str, Any]:
    return definition(rules["$ref"].removeprefix("#/$defs/")) if "$ref" in rules else rules


def _is_plain(value: object, rules: dict[str, Any]) -> bool:
    """Whether the value itself follows the rules, apart from its items and fields."""
    if "type" in rules:
        types = rules["type"] if isinstance(rules["type"], list) else [rules["type"]]
        if not any(_is(value, type) for type in types):
            return False
    if "const" in rules and not _equal(value, rules["const"]):
        return False
    if "enum" in rules and not any(_equal(value, each) for each in rules["enum"]):
        return False
    if isinstance(value, str):
        return len(value) >= rules.get("minLength", 0) and re.search(rules.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return rules.get("minItems", 0) <= len(value) <= rules.get("maxItems", math.inf)
    if _is(value, "number"):
        above = rules.get("exclusiveMinimum", -math.inf)
        return rules.get("minimum", -math.inf) <= value <= rules.get("maximum", math.inf) and value > above
    return True


def _equal(value: object, other: object) -> bool:
    """Equality that distinguishes 1 from true and from 1.0."""
    return type(value) is type(other) and value == other


def _is(value: object, type: str) -> bool:
    match type:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _expected(rules: dict[str, Any]) -> str:
    """The rules in words, for the part of a message after "expected"."""
    rules = _resolved(rules)
    if "anyOf" in rules:
        return " or ".join(map(_expected, rules["anyOf"]))
    if "const" in rules:
        return json.dumps(rules["const"])
    if "enum" in rules:
        return " or ".join(map(json.dumps, rules["enum"]))
    types = rules["type"] if isinstance(rules["type"], list) else [rules["type"]]
    words = " or ".join(WORDS[type] for type in types)
    if "pattern" in rules:
        words += f" of the form {rules['pattern']}"
    if "minLength" in rules:
        words += f" of {rules['minLength']} character or more"
    if "items" in rules:
        words += f" of {_expected(rules['items'])}" + (f", {rules['minItems']} or more" if "minItems" in rules else "")
    if "properties" in rules:
        words += f" with {', '.join(rules['properties'])}"
    if "minimum" in rules:
        words += f" from {rules['minimum']}"
    if "exclusiveMinimum" in rules:
        words += f" above {rules['exclusiveMinimum']}"
    if "maximum" in rules:
        words += f" to {rules['maximum']}"
    return words
