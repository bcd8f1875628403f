"""The common parts of both generations of Lumina-mGPT: the prompt, which contains the picture's size, and the allowed sizes."""

from __future__ import annotations

from typing import Any

from ..errors import ExportError

UNIT = 32  # pixels; sides are multiples of it, and the header gives them in this unit
MAX_RATIO = 4  # of the longer side to the shorter one
TARGETS = (512, 768, 1024)  # pixels
MAX_TEXT = 1024  # tokens
STRUCTURE = 5  # tokens before the picture that are not text: begin, end of turn, three of the header
# Codes that are drawn without drafts. In the published code of both generations, drafts end columns * rows + rows - 10 tokens after the
# text. Three of these tokens are the header, so the last 13 tokens of a picture have no drafts: 12 codes, and the new-line after them.
SEQUENTIAL = {"first": 0, "last": 12}
TEXT = "Generate an image of {width}x{height} according to the following prompt:\n{prompt}"


def sizes(target: int) -> list[list[int]]:
    """[width, height] in pixels of all pictures with about target x target pixels, the square first.

    These are the largest rectangles with at most as many units as the square: the loop makes them higher while they fit, else narrower.
    """
    if target not in TARGETS:
        raise ExportError(f"--size is {target}; expected {', '.join(map(str, TARGETS))}, whichever the checkpoint was trained for.")
    units = (target // UNIT) ** 2
    width, height = units, 1
    found = []
    while width > 0:
        if max(width, height) <= MAX_RATIO * min(width, height):
            found.append([width * UNIT, height * UNIT])
        if width * (height + 1) <= units:
            height += 1
        else:
            width -= 1
    return sorted(found, key=lambda size: size != [target, target])


def prompt(begin: int, turn_end: int, image_start: int, first_count: int, codes_per_unit: int, most_tokens: int) -> dict[str, Any]:
    """The section `prompt`. The unconditional lane reads only the header. `first_count` is the id for a length of zero units."""
    header: list[Any] = [image_start, *({"from": first_count, "plus": side, "per": codes_per_unit} for side in ("rows", "columns"))]
    return {
        "conditional": [begin, {"text": TEXT}, turn_end, *header], "unconditional": header,
        "negative": None, "cleaning": None, "maxTokens": most_tokens,
    }


def max_text(positions: int, target: int, pixels_per_code: int, ends: int) -> int:
    """The longest text in tokens that fits beside the largest picture, which has a new-line after each row and `ends` tokens at its end.

    Raises ExportError if the picture alone does not fit.
    """
    longest = max((width // pixels_per_code + 1) * (height // pixels_per_code) for width, height in sizes(target))
    room = positions - longest - STRUCTURE - ends
    if room < 1:
        raise ExportError(
            f"pictures of --size {target} need more than the {positions} positions in config.json: give the size that the checkpoint was "
            "trained for."
        )
    return min(MAX_TEXT, room)
