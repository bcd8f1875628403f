"""Special tokens in a template's own text, cut out before the rest is tokenised."""

from __future__ import annotations

import re
from collections.abc import Mapping


def split_specials(template: str, specials: Mapping[str, int], patterns: Mapping[str, str] | None = None) -> list[int | str]:
    """The template's text in pieces and the ids of the special tokens between them; of two that begin at one place, the longer.

    Placeholders in braces stay in the text. A token that takes more with it than itself, or less, has a pattern.
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
    """What a token of the Hugging Face tokenizers library matches in text."""
    bare = rf"(?<!\w){re.escape(token)}(?!\w)" if single_word else re.escape(token)
    return (r"\s*" if strips_left else "") + bare + (r"\s*" if strips_right else "")
