"""Says by template match whether a picture shows what was asked for: its background, and every thing in its place and size.

Pictures are compared at a quarter of their resolution. A thing is looked for at every grid position within three steps of where the
scene has it; over all things and positions, the template with the smallest squared error wins, measured against the error of the bare
background there. A smallest ratio above MAX_ERROR is no thing at all. A thing behind another is judged by the part that can be seen.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from .backgrounds import SIZE, Background, draw_background, every_background
from .scenes import GRID, Item, Scene
from .sprites import Sprites, things

SCALE = 4  # pixels that become one
REACH = 3  # grid steps
MAX_ERROR = 0.5  # of the bare background's own error
WRONG_COLOUR = 90.0  # difference, summed over three channels, from which on a pixel is simply wrong
OPAQUE = 0.1  # share of the background that shows through a thing that hides another


class Seen(NamedTuple):
    thing: int  # index into things()
    error: float  # squared error over that of the bare background


class Judgement(NamedTuple):
    background: bool
    items: tuple[bool, ...]  # in the scene's order
    seen: tuple[Seen, ...]

    @property
    def right(self) -> bool:
        return self.background and all(self.items)


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

    def judge(self, picture: np.ndarray, scene: Scene) -> Judgement:
        """Compares a picture, uint8 [256, 256, 3], with the scene it was asked for."""
        small = shrink(picture)
        background = self.background_of(small)
        behind = shrink(draw_background(background))
        everything = np.ones(small.shape[:2], bool)
        found: list[tuple[Seen, int, int]] = []
        for item in scene.items:  # in the order of painting: what shows through a thing is what was painted before it
            found.append(self._look(small, item, behind, everything))
            behind = self._painted(behind, item, found[-1])
        if len(scene.items) == 2 and _overlap(*scene.items):  # the hidden thing is looked for again, where the nearer one does not hide it
            shares = self._shares(scene.items[1], found[1])
            found[0] = self._look(small, scene.items[0], shrink(draw_background(background)), shares > OPAQUE)
        seen = tuple(one for one, _, _ in found)
        right = tuple(one.thing == item.thing and one.error <= MAX_ERROR for one, item in zip(seen, scene.items, strict=True))
        return Judgement(background == scene.background, right, seen)

    def _painted(self, behind: np.ndarray, item: Item, found: tuple[Seen, int, int]) -> np.ndarray:
        """The picture with the found thing painted on it."""
        seen, left, top = found
        colours, stays = (shrink(part) / 256 for part in self._sprites.sprite(seen.thing, item.size))
        painted, side = behind.copy(), item.size // SCALE
        part = painted[top : top + side, left : left + side]
        part[:] = colours + part * stays
        return painted

    def _shares(self, item: Item, found: tuple[Seen, int, int]) -> np.ndarray:
        """What the found thing lets through of each place of the picture."""
        seen, left, top = found
        shares, side = np.ones((SIZE // SCALE, SIZE // SCALE), np.float32), item.size // SCALE
        shares[top : top + side, left : left + side] = shrink(self._sprites.sprite(seen.thing, item.size)[1])[..., 0] / 256
        return shares

    def background_of(self, small: np.ndarray) -> Background:
        """The background that fits best, where the things on it count no more than a wrong colour does."""
        errors = np.abs(self._drawn - small).sum(axis=3)
        return self._backgrounds[int(np.minimum(errors, WRONG_COLOUR).mean(axis=(1, 2)).argmin())]

    def _look(self, small: np.ndarray, item: Item, behind: np.ndarray, visible: np.ndarray) -> tuple[Seen, int, int]:
        """The best thing, and where its template begins in the small picture."""
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

        With a thing's premultiplied colours c and share s, over a background b and a picture p, the error is the sum of
        (c + b s - p)^2 = c^2 - 2 c p + 2 c s b - 2 s b p + s^2 b^2 + p^2; all terms but the last are products with c^2, c, c s, s and s^2.
        """
        rows = []
        for thing in range(len(things())):
            colours, stays = (shrink(part) / 256 for part in self._sprites.sprite(thing, size))
            rows.append(np.concatenate([term.ravel() for term in (colours * colours, colours, colours * stays, stays, stays * stays)]))
        return np.stack(rows)


def _overlap(first: Item, second: Item) -> bool:
    return all(abs(getattr(first, side) - getattr(second, side)) < min(first.size, second.size) - GRID for side in ("left", "top"))
