"""references/caption_cleaning.json, which tests of the engine read, is what its program makes."""

from __future__ import annotations

import json
import sys

import pytest

from references import caption_cleaning

MARKUP = ("HTML", "entities")  # groups of captions that depend on html.parser


def committed(markup: bool) -> dict[str, str]:
    entries = json.loads(caption_cleaning.FILE.read_text(encoding="ascii"))
    return {entry["caption"]: entry["expected"] for entry in entries if (entry["rule"] in MARKUP) == markup}


def made(markup: bool) -> dict[str, str]:
    groups = [captions for rule, captions in caption_cleaning.CAPTIONS.items() if (rule in MARKUP) == markup]
    return {caption: caption_cleaning.clean(caption) for captions in groups for caption in captions}


def test_the_committed_captions_without_markup_are_those_that_the_rules_give() -> None:
    assert committed(markup=False) == made(markup=False)


@pytest.mark.skipif(sys.version_info >= (3, 11, 3), reason="html.parser changed after Python 3.11.2, with which the file was made")
def test_the_committed_captions_with_markup_are_those_that_the_rules_give() -> None:
    assert committed(markup=True) == made(markup=True)
