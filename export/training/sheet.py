"""A contact sheet: pictures with their captions under them."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS, MARGIN, LINES, LINE, LETTER = 8, 10, 3, 12, 6  # the last two: height and width of a letter in pixels


def contact_sheet(pictures: list[tuple[np.ndarray, str, bool]], tile: int) -> Image.Image:
    """A sheet of pictures (uint8 [side, side, 3], caption, whether it was judged right), each `tile` pixels wide.

    Captions of wrong ones are dark red.
    """
    rows = -(-len(pictures) // COLUMNS)
    width, height = tile + MARGIN, tile + MARGIN + LINES * LINE
    sheet = Image.new("RGB", (COLUMNS * width + MARGIN, rows * height + MARGIN), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for i, (picture, caption, right) in enumerate(pictures):
        left, top = MARGIN + i % COLUMNS * width, MARGIN + i // COLUMNS * height
        sheet.paste(Image.fromarray(picture).resize((tile, tile), Image.LANCZOS), (left, top))
        for line, words in enumerate(textwrap.wrap(caption, tile // LETTER + 1)[:LINES]):
            pen.text((left, top + tile + 1 + line * LINE), words, fill="black" if right else "darkred", font=font)
    return sheet
