"""Draws emoji scenes of 128 x 128 pixels with their captions. The built-in model is trained on nothing else.

A scene has one glyph, two side by side, two above each other, or four of a kind, on one of ten backgrounds. Every glyph is moved by up to
three pixels in each direction. One caption in ten, chosen by its SHA-256, is held out: training never sees it.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .alphabet import BACKGROUNDS, GLYPHS

SIZE = 128  # pixels
JITTER = 3  # pixels
FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
LAYOUTS = ("one", "side", "stack", "four")
LAYOUT_SHARES = (0.14, 0.3, 0.3, 0.26)
CELLS = {  # centers of the glyphs, row-major, and the length of a glyph's longer side in pixels
    "one": (((64, 64),), 100),
    "side": (((32, 64), (96, 64)), 56),
    "stack": (((64, 32), (64, 96)), 56),
    "four": (((32, 32), (96, 32), (32, 96), (96, 96)), 56),
}


class Scene(NamedTuple):
    layout: str
    glyphs: tuple[int, ...]  # indices into GLYPHS: one, or two that differ
    background: str

    @property
    def cells(self) -> tuple[int, ...]:
        """The glyph in each cell of the layout."""
        return self.glyphs * 4 if self.layout == "four" else self.glyphs

    @property
    def caption(self) -> str:
        nouns = [f"{_article(GLYPHS[g].name)} {GLYPHS[g].name}" for g in self.glyphs]
        subject = {
            "one": lambda: nouns[0],
            "side": lambda: f"{nouns[0]} left of {nouns[1]}",
            "stack": lambda: f"{nouns[0]} above {nouns[1]}",
            "four": lambda: f"four {GLYPHS[self.glyphs[0]].plural}",
        }[self.layout]()
        return f"{subject} on {_article(self.background)} {self.background} background"

    @property
    def held_out(self) -> bool:
        return hashlib.sha256(self.caption.encode()).digest()[0] % 10 == 0


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeio" else "a"


def random_scene(random: np.random.Generator, held_out: bool = False) -> Scene:
    """A scene to train on, or a held-out one."""
    while True:
        layout = str(random.choice(LAYOUTS, p=LAYOUT_SHARES))
        count = 2 if layout in ("side", "stack") else 1
        glyphs = tuple(int(g) for g in random.choice(len(GLYPHS), size=count, replace=False))
        scene = Scene(layout, glyphs, str(random.choice(list(BACKGROUNDS))))
        if scene.held_out == held_out:
            return scene


@functools.cache
def glyph_image(glyph: int, size: int) -> Image.Image:
    """The glyph, cropped and scaled so that its longer side is `size` pixels."""
    font = ImageFont.truetype(FONT, 109)  # the only size of the font's bitmaps
    image = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(image).text((8, 8), GLYPHS[glyph].character, font=font, embedded_color=True)
    image = image.crop(image.getbbox())
    scale = size / max(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)


def draw(scene: Scene, random: np.random.Generator) -> np.ndarray:
    """The picture, uint8 [128, 128, 3]."""
    canvas = Image.new("RGB", (SIZE, SIZE), BACKGROUNDS[scene.background])
    centers, size = CELLS[scene.layout]
    for glyph, center in zip(scene.cells, centers):
        image = glyph_image(glyph, size)
        jitter = random.integers(-JITTER, JITTER + 1, size=2)
        corner = (int(center[0] - image.width // 2 + jitter[0]), int(center[1] - image.height // 2 + jitter[1]))
        canvas.paste(image, corner, image)
    return np.asarray(canvas)
