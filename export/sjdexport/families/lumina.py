"""What both generations of Lumina-mGPT share: the prompt, which names the size, and the grid it allows."""

from __future__ import annotations

from typing import Any

from ..errors import ExportError

UNIT = 32  # pixels; sizes are multiples of it, and headers count in it
MOST_ELONGATED = 4  # longer side by shorter side
TARGETS = (512, 768, 1024)
MOST_TEXT = 1024  # tokens
STRUCTURE = 5  # tokens before the picture besides text: begin, end of turn, header of three
TEXT = "Generate an image of {width}x{height} according to the following prompt:\n{prompt}"


def sizes(target: int) -> list[list[int]]:
    """[width, height] in pixels of all pictures of about target x target, the square one first.

    A walk along the rectangles of at most as many units as the square has: higher while that fits, else narrower.
    """
    if target not in TARGETS:
        raise ExportError(f"--size is {target}; Lumina-mGPT's are {', '.join(map(str, TARGETS))}: give the one that the checkpoint was trained for.")
    units = (target // UNIT) ** 2
    width, height = units, 1
    found = []
    while width > 0:
        if max(width, height) <= MOST_ELONGATED * min(width, height):
            found.append([width * UNIT, height * UNIT])
        if width * (height + 1) <= units:
            height += 1
        else:
            width -= 1
    return sorted(found, key=lambda size: size != [target, target])


def prompt(begin: int, turn_end: int, image_start: int, first_count: int, codes_per_unit: int, most_tokens: int) -> dict[str, Any]:
    """The unguided lane sees the header alone. `first_count` is the id that stands for no unit at all."""
    header: list[Any] = [image_start, *({"from": first_count, "plus": side, "per": codes_per_unit} for side in ("rows", "columns"))]
    return {
        "conditional": [begin, {"text": TEXT}, turn_end, *header], "unconditional": header,
        "negative": None, "cleaning": None, "maxTokens": most_tokens,
    }


def most_text(positions: int, target: int, pixels_per_code: int, ends: int) -> int:
    """Tokens of text that the largest picture leaves room for, a new-line after each of its rows and `ends` tokens behind them.

    Raises ExportError if it leaves none.
    """
    longest = max((width // pixels_per_code + 1) * (height // pixels_per_code) for width, height in sizes(target))
    room = positions - longest - STRUCTURE - ends
    if room < 1:
        raise ExportError(f"pictures of --size {target} take more than the {positions} positions of config.json.")
    return min(MOST_TEXT, room)
