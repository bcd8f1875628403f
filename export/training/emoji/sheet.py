"""A contact sheet: pictures with their captions under them."""

from __future__ import annotations

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS, TILE, MARGIN, LINES, LINE = 8, 192, 10, 3, 12


def contact_sheet(pictures: list[tuple[np.ndarray, str, bool]]) -> Image.Image:
    """Pictures (uint8 [256, 256, 3], caption, whether it was judged right); a wrong one's caption is dark red."""
    rows = -(-len(pictures) // COLUMNS)
    width, height = TILE + MARGIN, TILE + MARGIN + LINES * LINE
    sheet = Image.new("RGB", (COLUMNS * width + MARGIN, rows * height + MARGIN), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for i, (picture, caption, right) in enumerate(pictures):
        left, top = MARGIN + i % COLUMNS * width, MARGIN + i // COLUMNS * height
        sheet.paste(Image.fromarray(picture).resize((TILE, TILE), Image.LANCZOS), (left, top))
        for line, words in enumerate(textwrap.wrap(caption, 31)[:LINES]):
            pen.text((left, top + TILE + 1 + line * LINE), words, fill="black" if right else "darkred", font=font)
    return sheet
