"""Judges by template match whether a picture shows a scene: its background, and every thing in its place and size.

Pictures are compared at a quarter of their resolution. A thing is looked for at every grid position within three steps of its place in
the scene. Over all things and positions, the template with the smallest squared error wins, relative to the error of the bare background
there. If that ratio exceeds MAX_ERROR, nothing is there. A thing behind another one is judged by its visible part.
"""

from __future__ import annotations

import functools

import numpy as np

from ..evaluation import Judgment, Seen
from .backgrounds import SIZE, Background, draw_background, every_background
from .scenes import GRID, Item, Scene
from .sprites import Sprites, things

SCALE = 4  # pixels along each side that become one
REACH = 3  # grid steps
MAX_ERROR = 0.5  # relative to the bare background's error
WRONG_COLOR = 90.0  # difference, summed over three channels, above which a pixel counts as wrong and no more
OPAQUE = 0.1  # share of the background that shows through the thing in front


def shrink(picture: np.ndarray) -> np.ndarray:
    """float32 [H / 4, W / 4, channels] of uint8 [H, W, channels]."""
    height, width, channels = picture.shape
    return picture.reshape(height // SCALE, SCALE, width // SCALE, SCALE, channels).mean(axis=(1, 3), dtype=np.float32)


class Judge:
    def __init__(self, sprites: Sprites) -> None:
        self._sprites = sprites
        self._templates = functools.cache(self._make_templates)
        self._backgrounds = every_background()
        self._drawn = np.stack([shrink(draw_background(background)) for background in self._backgrounds])

    def judge(self, picture: np.ndarray, scene: Scene) -> Judgment:
        """Compares a picture, uint8 [256, 256, 3], with the scene that it should show. `Seen.thing` is an index into things()."""
        small = shrink(picture)
        background = self.background_of(small)
        behind = shrink(draw_background(background))
        everything = np.ones(small.shape[:2], bool)
        found: list[tuple[Seen, int, int]] = []
        for item in scene.items:  # in the order of painting: what was painted before shows through
            found.append(self._look(small, item, behind, everything))
            behind = self._painted(behind, item, found[-1])
        if len(scene.items) == 2 and _overlap(*scene.items):  # look for the thing behind again, where the other one does not hide it
            shares = self._shares(scene.items[1], found[1])
            found[0] = self._look(small, scene.items[0], shrink(draw_background(background)), shares > OPAQUE)
        seen = tuple(one for one, _, _ in found)
        right = tuple(one.thing == item.thing and one.error <= MAX_ERROR for one, item in zip(seen, scene.items, strict=True))
        return Judgment(background == scene.background, right, seen)

    def _painted(self, behind: np.ndarray, item: Item, found: tuple[Seen, int, int]) -> np.ndarray:
        """The picture with the found thing painted on it."""
        seen, left, top = found
        colors, stays = (shrink(part) / 256 for part in self._sprites.sprite(seen.thing, item.size))
        painted, side = behind.copy(), item.size // SCALE
        part = painted[top : top + side, left : left + side]
        part[:] = colors + part * stays
        return painted

    def _shares(self, item: Item, found: tuple[Seen, int, int]) -> np.ndarray:
        """The share of the background that the found thing lets through, at each place of the picture."""
        seen, left, top = found
        shares, side = np.ones((SIZE // SCALE, SIZE // SCALE), np.float32), item.size // SCALE
        shares[top : top + side, left : left + side] = shrink(self._sprites.sprite(seen.thing, item.size)[1])[..., 0] / 256
        return shares

    def background_of(self, small: np.ndarray) -> Background:
        """The background that fits best. Things on it count no more than wrong colors do."""
        errors = np.abs(self._drawn - small).sum(axis=3)
        return self._backgrounds[int(np.minimum(errors, WRONG_COLOR).mean(axis=(1, 2)).argmin())]

    def _look(self, small: np.ndarray, item: Item, behind: np.ndarray, visible: np.ndarray) -> tuple[Seen, int, int]:
        """The thing that fits best, and where its template begins in the small picture."""
        side = item.size // SCALE
        corners = [(left, top) for left in self._positions(item.left, item.size) for top in self._positions(item.top, item.size)]
        columns, constants = [], []
        for left, top in corners:
            window = np.s_[top : top + side, left : left + side]
            mask, bare = visible[window][..., None], behind[window]
            for shown in (small[window], bare):  # the thing's error, and its contrast with the background
                share, square = (-2 * mask * bare * shown).sum(axis=2), (mask * bare * bare).sum(axis=2)
                parts = (mask * np.ones(3), -2 * mask * shown, 2 * mask * bare, share, square)
                columns.append(np.concatenate([part.ravel() for part in parts]).astype(np.float32))
                constants.append(float((mask * shown * shown).sum()))
        sums = self._templates(item.size) @ np.stack(columns, axis=1) + constants
        error, contrast = sums[:, 0::2], sums[:, 1::2]  # [things, corners]
        ratio = error / (np.maximum(contrast, 0) + 1)
        thing, corner = np.unravel_index(int(ratio.argmin()), ratio.shape)
        smallest = float(ratio[thing, corner])
        return Seen(int(thing), smallest), *corners[corner]

    @staticmethod
    def _positions(middle: int, size: int) -> list[int]:
        steps = (middle + step * GRID for step in range(-REACH, REACH + 1))
        return [pixel // SCALE for pixel in steps if 0 <= pixel <= SIZE - size]

    def _make_templates(self, size: int) -> np.ndarray:
        """Every thing's terms of the squared error, [things, terms].

        For a thing's premultiplied colors c and share s, over a background b and a picture p, the error is the sum of
        (c + b s - p)^2 = c^2 - 2 c p + 2 c s b - 2 s b p + s^2 b^2 + p^2. All terms but the last are products with c^2, c, c s, s and s^2.
        """
        rows = []
        for thing in range(len(things())):
            colors, stays = (shrink(part) / 256 for part in self._sprites.sprite(thing, size))
            rows.append(np.concatenate([term.ravel() for term in (colors * colors, colors, colors * stays, stays, stays * stays)]))
        return np.stack(rows)


def _overlap(first: Item, second: Item) -> bool:
    return all(abs(getattr(first, side) - getattr(second, side)) < min(first.size, second.size) - GRID for side in ("left", "top"))
