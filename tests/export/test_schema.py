"""The validator of docs/model.schema.json, rule by rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sjdexport.errors import ExportError
from sjdexport.schema import KEYWORDS, check, definition, schema
from sjdexport.sections import check_manifest

MODELS = Path(__file__).resolve().parents[2] / "onnx-models"

CASES: list[tuple[dict[str, Any], list[Any], list[Any]]] = [  # rules, accepted values, refused values
    ({"type": "integer"}, [0, -3], [0.0, True, "0", None]),
    ({"type": "number"}, [0, 1.5], [True, "1", float("nan"), float("inf")]),
    ({"type": "boolean"}, [True], [1, "true"]),
    ({"type": ["string", "null"]}, ["", None], [0, False]),
    ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
    ({"type": "number", "exclusiveMinimum": 0}, [1e-9], [0, -1]),
    ({"type": "string", "minLength": 1}, ["a"], [""]),
    ({"type": "string", "pattern": "^[0-9]+$"}, ["12"], ["", "a1"]),
    ({"const": [1, 2]}, [[1, 2]], [[2, 1], 1]),
    ({"enum": ["a", None]}, ["a", None], ["b", 0]),
    ({"enum": [1]}, [1], [True]),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3], [1, "2"], {}]),
    ({"anyOf": [{"const": "auto"}, {"type": "integer"}]}, ["auto", 3], ["manual", 1.5]),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False},
     [{"a": 1}], [{}, {"a": "1"}, {"a": 1, "b": 2}, []]),
    ({"type": "object", "propertyNames": {"type": "string", "pattern": "^[0-9]$"}, "additionalProperties": {"type": "string"}},
     [{}, {"1": "x"}], [{"x": "x"}, {"1": 1}]),
    ({"$ref": "#/$defs/fileName"}, ["a.onnx", "..."], ["", ".", "..", "a/b", "a\\b"]),
]


@pytest.mark.parametrize(("rules", "good", "bad"), CASES)
def test_each_rule_accepts_and_refuses_values(rules: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    for value in good:
        check("it", value, rules)
    for value in bad:
        with pytest.raises(ExportError, match=r"^it.*expected .*\.$"):
            check("it", value, rules)


def test_every_keyword_of_the_schema_is_known() -> None:
    def keywords(rules: dict[str, Any]) -> set[str]:
        inner = [*rules.get("properties", {}).values(), *rules.get("$defs", {}).values(), *rules.get("anyOf", [])]
        inner += [rules[name] for name in ("items", "additionalProperties", "propertyNames") if isinstance(rules.get(name), dict)]
        return set(rules).union(*map(keywords, inner))

    assert keywords(schema()) == KEYWORDS
    with pytest.raises(NotImplementedError, match="maxLength"):
        check("it", "a", {"type": "string", "maxLength": 1})


@pytest.mark.parametrize(("part", "sentence"), [
    ({"text": 3}, 'prompt: conditional is [{"text": 3}]; expected a list of'),
    ([], "prompt: conditional is [[]]; expected a list of"),
])
def test_a_message_names_the_place_and_the_value(part: object, sentence: str) -> None:
    with pytest.raises(ExportError) as refused:
        check("prompt", {"conditional": [part], "unconditional": [0], "maxTokens": 1}, definition("prompt"))
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(("name", "section", "change", "sentence"), [
    ("emoji", "image", {"sizes": []}, "image: sizes is []"),
    ("shapes", "flow", {"layers": 0}, "flow: layers is 0; expected a whole number from 1"),
    ("sums", "thought", {"stop": []}, "thought: stop is []; expected a list of a whole number from 0 to 2147483647, 1 or more"),
    ("reach", "actions", {"gripper": "claw"}, 'actions: gripper is "claw"; expected "none" or "libero"'),
])
def test_the_committed_model_of_each_kind_follows_the_schema_and_a_changed_one_does_not(
    name: str, section: str, change: dict[str, Any], sentence: str) -> None:
    manifest = json.loads((MODELS / name / "model.json").read_text(encoding="utf-8"))
    check_manifest(manifest)
    check("model.json", manifest, schema())  # that of all kinds
    with pytest.raises(ExportError) as refused:
        check_manifest({**manifest, section: {**manifest[section], **change}})
    assert f"model.json: {sentence}" in str(refused.value)
    with pytest.raises(ExportError):
        check("model.json", {**manifest, "kind": "picture"}, schema())
