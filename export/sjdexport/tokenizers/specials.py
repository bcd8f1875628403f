"""Special tokens in a template's own text, cut out before the rest is tokenised."""

from __future__ import annotations

import re
from collections.abc import Mapping


def split_specials(template: str, specials: Mapping[str, int]) -> list[int | str]:
    """The template's text in pieces and the ids of the special tokens between them; of two that begin at one place, the longer.

    Placeholders in braces stay in the text.
    """
    if not specials:
        return [template] if template else []
    pattern = "|".join(re.escape(token) for token in sorted(specials, key=len, reverse=True))
    parts = re.split(f"({pattern})", template)
    return [specials[part] if i % 2 else part for i, part in enumerate(parts) if part]
