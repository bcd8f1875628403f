"""generation.json: default values, and the check of each value before it gets into model.json."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from sjdexport.errors import ExportError
from sjdexport.sections import OPTIONAL, ORDER, SECTIONS, fields, merge, read_generation

COMPLETE = {
    "license": {"id": "MIT", "notice": "Ours.", "commercial": True},
    "prompt": {"conditional": [0, {"text": "{prompt}"}, {"from": 5, "plus": "rows", "per": 2}, {"class": 9, "of": 10},
                  {"encoded": "prompt"}],
               "unconditional": [0, {"fill": 3}, {"encoded": "nothing"}], "maxTokens": 8, "negative": "blurred", "cleaning": "t5-captions"},
    "layout": {"firstCode": 4, "codes": 32, "rowSuffix": [1], "suffix": []},
    "image": {"sizes": [[64, 32]]},
    "sampling": {"guidance": 3, "temperature": 0.7, "topK": 0, "topP": 1, "order": ORDER},
    "decoding": {"method": "sjd", "window": "auto", "initialization": "uniform", "sequential": {"first": 0, "last": 10}},
}
DENOISING = {"steps": 8, "levels": "token", "alpha": [1, 0.5, 0], "sigma": [0, 0.5, 1]}


def written(folder: Path, content: dict) -> Path:
    (folder / "generation.json").write_text(json.dumps(content))
    return folder / "generation.json"


def test_complete_sections_are_kept(tmp_path: Path) -> None:
    assert read_generation(written(tmp_path, {**COMPLETE, "name": "mine"})) == {**COMPLETE, "name": "mine"}
    assert read_generation(written(tmp_path, {"denoising": DENOISING})) == {"denoising": DENOISING}
    assert merge("some", {}, COMPLETE) == COMPLETE
    assert read_generation(tmp_path / "nothing.json") == {}


def test_omitted_fields_get_default_values(tmp_path: Path) -> None:
    content = copy.deepcopy(COMPLETE)
    for section, name in (("prompt", "negative"), ("prompt", "cleaning"), ("sampling", "order"), ("decoding", "sequential")):
        del content[section][name]
    content["decoding"]["window"] = 16
    read = read_generation(written(tmp_path, content))
    assert read["prompt"]["negative"] is read["prompt"]["cleaning"] is None
    denoising = {name: value for name, value in DENOISING.items() if name != "levels"}
    assert read_generation(written(tmp_path, {"denoising": denoising}))["denoising"]["levels"] == "untold"
    assert read["sampling"]["order"] == ORDER and "sequential" not in read["decoding"]


WRONG: dict[str, list[tuple[str, object]]] = {
    "license": [("id", 3), ("notice", ""), ("commercial", "yes")],
    "prompt": [("conditional", "{prompt}"), ("conditional", []), ("conditional", ["{prompt}"]), ("conditional", [-1]),
               ("conditional", [True]),
               ("conditional", [{"text": 3}]), ("conditional", [{"text": "a", "more": 1}]), (
                   "conditional", [{"from": 1, "plus": "heads", "per": 1}]),
               ("conditional", [{"from": 1, "plus": "rows", "per": 0}]), ("conditional", [{"class": 1, "of": "10"}]), (
                   "unconditional", [{"fill": None}]),
               ("unconditional", [{"encoded": "words"}]), ("unconditional", [[1]]), ("maxTokens", 0), ("maxTokens", "128"), (
                   "maxTokens", 2**31),
               ("negative", 3), ("cleaning", "t5")],
    "layout": [("firstCode", -1), ("firstCode", "4"), ("firstCode", 4.0), ("codes", 1), ("rowSuffix", 3), ("suffix", [None])],
    "image": [("sizes", []), ("sizes", [512, 512]), ("sizes", [[512]]), ("sizes", [[512, 0]]), ("sizes", [["512", "512"]])],
    "sampling": [("guidance", "3"), ("guidance", -1), ("guidance", float("nan")), ("temperature", None), ("topK", 2.5),
                 ("topK", -1), ("topP", 0),
                 ("topP", 1.5), ("order", ["temperature"])],
    "decoding": [
        ("method", None), ("window", "all"), ("window", -1), ("initialization", 1), ("sequential", {"first": 1}),
        ("sequential", {"first": 1, "last": -1})],
    "denoising": [("levels", "told"), ("steps", 0), ("steps", 2.5), ("steps", None), ("alpha", 1), ("alpha", []), ("alpha", [1]),
                  ("alpha", [1, "0"]),
                  ("alpha", [1, True]),
                  ("alpha", [1, 1, 0]), ("alpha", [1, 0.2, 0.4]), ("alpha", [0.9, 0.5, 0]), ("alpha", [1, 0.5, -0.1]), (
                      "alpha", [1, 0.5, 0.1]), ("alpha", [1, float("nan"), 0]),
                  ("alpha", [1, 0, float("-inf")]), ("sigma", 0), ("sigma", []), ("sigma", [0]), ("sigma", [0, None]), (
                      "sigma", [0, 0, 1]), ("sigma", [0, 1, 0.5]),
                  ("sigma", [0.1, 0.5, 1]), ("sigma", [-1, 0, 1]), ("sigma", [0, float("nan"), 1]), ("sigma", [0, 1, float("inf")])],
}


@pytest.mark.parametrize(
    ("section", "name", "value"), [(section, name, value) for section, wrong in WRONG.items() for name, value in wrong])
def test_wrong_values_are_refused(tmp_path: Path, section: str, name: str, value: object) -> None:
    path = written(tmp_path, {section: {**{**COMPLETE, "denoising": DENOISING}[section], name: value}})
    with pytest.raises(ExportError, match=f"generation.json: section {section}: {name}(: last)? (is|has) .*; expected "):
        read_generation(path)


def test_wrong_values_of_every_field_are_tested() -> None:
    assert {section: {name for name, _ in wrong} for section, wrong in WRONG.items()} == {
        section: set(fields(section)["properties"]) for section in (*SECTIONS, *OPTIONAL)}


@pytest.mark.parametrize("name", [3, "", None])
def test_a_name_must_be_text(tmp_path: Path, name: object) -> None:
    with pytest.raises(ExportError, match="generation.json: name is"):
        read_generation(written(tmp_path, {"name": name}))


@pytest.mark.parametrize(("field", "value"), [("firstCode", 5), ("codes", 31)])
def test_other_codes_than_the_weights_have_are_refused(field: str, value: int) -> None:
    with pytest.raises(ExportError, match="expected 32 codes from id 4 on, as in the weights: correct generation.json"):
        merge("some", COMPLETE, {"layout": {**COMPLETE["layout"], field: value}})


def test_a_section_that_is_missing_everywhere_is_asked_for() -> None:
    with pytest.raises(ExportError, match="the section image cannot be read from some checkpoints: give it in generation.json"):
        merge("some", {**{section: values for section, values in COMPLETE.items() if section != "image"}}, {})
