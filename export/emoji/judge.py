"""Says by template match what an emoji scene shows: its background, and the glyph in each cell of its layout."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from alphabet import BACKGROUNDS, GLYPHS
from scenes import CELLS, JITTER, Scene, glyph_image

REACH = JITTER + 1  # pixels a glyph is looked for, each way from the middle of its cell
MAX_ERROR = 0.5  # of the glyph's own contrast: beyond it the best match is no match, however the others fare


class Seen(NamedTuple):
    glyph: int | None  # index into GLYPHS
    error: float  # squared error over the glyph's squared contrast with the background


class Judgement(NamedTuple):
    background: bool
    glyphs: tuple[bool, ...]  # one per cell of the layout
    seen: tuple[Seen, ...]

    @property
    def right(self) -> bool:
        return self.background and all(self.glyphs)


def judge(picture: np.ndarray, scene: Scene) -> Judgement:
    """Compares a picture, uint8 [128, 128, 3], with the scene it was asked for."""
    background = background_of(picture)
    centres, size = CELLS[scene.layout]
    seen = tuple(look(picture, centre, size, background) for centre in centres)
    return Judgement(background == scene.background,
                     tuple(s.glyph == expected for s, expected in zip(seen, scene.cells, strict=True)), seen)


def background_of(picture: np.ndarray) -> str:
    """The background nearest to the median colour of the picture's rim."""
    rim = np.concatenate([picture[:3].reshape(-1, 3), picture[-3:].reshape(-1, 3),
                          picture[:, :3].reshape(-1, 3), picture[:, -3:].reshape(-1, 3)])
    colour = np.median(rim, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.square(colour - BACKGROUNDS[name]).sum()))


def look(picture: np.ndarray, centre: tuple[int, int], size: int, background: str) -> Seen:
    """The glyph of the alphabet that fits best around `centre`, over all glyphs and shifts."""
    templates, contrast = _templates(size, background)
    half = size // 2 + 2
    margin = half + REACH
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge").astype(np.float32)
    crops = []
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            top, left = centre[1] + dy - half + margin, centre[0] + dx - half + margin
            crops.append(padded[top : top + 2 * half, left : left + 2 * half].ravel())
    x = np.stack(crops) - np.tile(np.float32(BACKGROUNDS[background]), 4 * half * half)
    distance = np.square(x).sum(axis=1)[:, None] - 2 * x @ templates.T + contrast
    error = (distance / contrast).min(axis=0)
    best = int(error.argmin())
    return Seen(best if error[best] <= MAX_ERROR else None, float(error[best]))


@functools.cache
def _templates(size: int, background: str) -> tuple[np.ndarray, np.ndarray]:
    """Every glyph less its background [glyphs, pixels x 3], and the square of that, summed [glyphs]."""
    half = size // 2 + 2
    rows = []
    for glyph in range(len(GLYPHS)):
        canvas = Image.new("RGB", (2 * half, 2 * half), BACKGROUNDS[background])
        image = glyph_image(glyph, size)
        canvas.paste(image, (half - image.width // 2, half - image.height // 2), image)
        rows.append((np.asarray(canvas, np.float32) - np.float32(BACKGROUNDS[background])).ravel())
    templates = np.stack(rows)
    return templates, np.square(templates).sum(axis=1)
