"""Judges by template match whether a picture shows a scene: its background, and the glyph in each cell of its layout."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

from ..evaluation import Judgment, Seen
from .alphabet import BACKGROUNDS, GLYPHS
from .scenes import CELLS, JITTER, Scene, glyph_image

REACH = JITTER + 1  # pixels; a glyph is looked for this far from the center of its cell, in each direction
MAX_ERROR = 0.5  # relative to the glyph's contrast; a match with a larger error counts as none


def judge(picture: np.ndarray, scene: Scene) -> Judgment:
    """Compares a picture, uint8 [128, 128, 3], with the scene that it should show. `Seen.thing` is an index into GLYPHS."""
    background = background_of(picture)
    centers, size = CELLS[scene.layout]
    seen = tuple(look(picture, center, size, background) for center in centers)
    return Judgment(background == scene.background,
                    tuple(s.thing == expected for s, expected in zip(seen, scene.cells, strict=True)), seen)


def background_of(picture: np.ndarray) -> str:
    """The background that is nearest to the median color of the picture's rim."""
    rim = np.concatenate([picture[:3].reshape(-1, 3), picture[-3:].reshape(-1, 3),
                          picture[:, :3].reshape(-1, 3), picture[:, -3:].reshape(-1, 3)])
    color = np.median(rim, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.square(color - BACKGROUNDS[name]).sum()))


def look(picture: np.ndarray, center: tuple[int, int], size: int, background: str) -> Seen:
    """The glyph that fits best around `center`, over all glyphs and shifts."""
    templates, contrast = _templates(size, background)
    half = size // 2 + 2
    margin = half + REACH
    padded = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge").astype(np.float32)
    crops = []
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            top, left = center[1] + dy - half + margin, center[0] + dx - half + margin
            crops.append(padded[top : top + 2 * half, left : left + 2 * half].ravel())
    x = np.stack(crops) - np.tile(np.float32(BACKGROUNDS[background]), 4 * half * half)
    distance = np.square(x).sum(axis=1)[:, None] - 2 * x @ templates.T + contrast
    error = (distance / contrast).min(axis=0)
    best = int(error.argmin())
    return Seen(best if error[best] <= MAX_ERROR else None, float(error[best]))


@functools.cache
def _templates(size: int, background: str) -> tuple[np.ndarray, np.ndarray]:
    """Every glyph minus its background [glyphs, pixels x 3], and the sum of its squares [glyphs]."""
    half = size // 2 + 2
    rows = []
    for glyph in range(len(GLYPHS)):
        canvas = Image.new("RGB", (2 * half, 2 * half), BACKGROUNDS[background])
        image = glyph_image(glyph, size)
        canvas.paste(image, (half - image.width // 2, half - image.height // 2), image)
        rows.append((np.asarray(canvas, np.float32) - np.float32(BACKGROUNDS[background])).ravel())
    templates = np.stack(rows)
    return templates, np.square(templates).sum(axis=1)
