"""Special tokens in templates of prompts. They are cut out before the text is tokenized."""

from __future__ import annotations

import re
from collections.abc import Mapping


def split_specials(template: str, specials: Mapping[str, int], patterns: Mapping[str, str] | None = None) -> list[int | str]:
    """The template's text in pieces, with the ids of the special tokens between them. If two tokens match at the same place, the longer one
    counts.

    Placeholders in braces stay in the text. `patterns` has the expressions of tokens that do not match exactly their own text.
    """
    named = sorted((token for token in specials if token in template), key=len, reverse=True)
    alternatives = "|".join(f"({(patterns or {}).get(token, re.escape(token))})" for token in named)
    parts: list[int | str] = []
    start = 0
    for match in re.finditer(alternatives, template) if named else ():
        parts += [template[start : match.start()], specials[named[match.lastindex - 1]]]
        start = match.end()
    return [part for part in [*parts, template[start:]] if part != ""]


def pattern(token: str, strips_left: bool, strips_right: bool, single_word: bool) -> str:
    """The expression that a token of the Hugging Face tokenizers library matches in text."""
    bare = rf"(?<!\w){re.escape(token)}(?!\w)" if single_word else re.escape(token)
    return (r"\s*" if strips_left else "") + bare + (r"\s*" if strips_right else "")
