"""The backgrounds of scenes: plain colors, two halves, gradients, and a few settings that are drawn here."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

SIZE = 256  # pixels along each side of a scene
COLORS = {
    "red": (222, 60, 58), "orange": (247, 148, 50), "yellow": (253, 214, 75), "green": (96, 184, 92), "turquoise": (70, 196, 190),
    "light blue": (150, 208, 247), "blue": (58, 110, 216), "purple": (146, 92, 200), "pink": (248, 164, 196), "brown": (138, 96, 68),
    "black": (28, 28, 32), "white": (250, 250, 250), "gray": (150, 154, 160), "beige": (238, 222, 192),
}
SETTINGS = ("sea", "meadow", "night sky", "beach", "snow", "sunset", "desert", "sky")


class Background(NamedTuple):
    kind: str  # plain, halves (left and right), stacked (top and bottom), gradient (from top to bottom), setting
    parts: tuple[str, ...]  # colors, or the setting

    @property
    def key(self) -> str:
        return ":".join((self.kind, *self.parts))


def every_background() -> list[Background]:
    """All backgrounds."""
    pairs = [(a, b) for a in COLORS for b in COLORS if a != b]
    found = [Background("plain", (color,)) for color in COLORS]
    found += [Background(kind, pair) for kind in ("halves", "stacked", "gradient") for pair in pairs]
    return found + [Background("setting", (setting,)) for setting in SETTINGS]


def random_background(random: np.random.Generator) -> Background:
    kind = random.choice(("plain", "halves", "stacked", "gradient", "setting"), p=(0.56, 0.06, 0.06, 0.12, 0.2))
    if kind == "setting":
        return Background("setting", (str(random.choice(SETTINGS)),))
    names = random.choice(list(COLORS), size=1 if kind == "plain" else 2, replace=False)
    return Background(str(kind), tuple(str(name) for name in names))


@functools.lru_cache(maxsize=256)
def draw_background(background: Background) -> np.ndarray:
    """Pixels uint8 [256, 256, 3]; read-only."""
    if background.kind == "setting":
        picture = _SETTINGS[background.parts[0]]()
    else:
        first, last = (np.array(COLORS[name], np.float32) for name in (background.parts[0], background.parts[-1]))
        share = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
        if background.kind in ("halves", "stacked"):
            share = np.round(share)
        picture = np.broadcast_to((first + (last - first) * share[:, None])[:, None], (SIZE, SIZE, 3))
        if background.kind == "halves":
            picture = picture.transpose(1, 0, 2)
    picture = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture


def _vertical(*stops: tuple[float, tuple[int, int, int]]) -> np.ndarray:
    """A vertical gradient through colors at heights, 0 at the top and 1 at the bottom; float32 [256, 256, 3]."""
    at = (np.arange(SIZE) + 0.5) / SIZE
    heights = [height for height, _ in stops]
    columns = [np.interp(at, heights, [color[i] for _, color in stops]) for i in range(3)]
    return np.repeat(np.stack(columns, axis=1)[:, None].astype(np.float32), SIZE, axis=1)


def _blend(picture: np.ndarray, color: tuple[int, int, int], cover: np.ndarray) -> None:
    """Paints `color` where `cover` [256, 256] is 1."""
    picture += (np.array(color, np.float32) - picture) * np.clip(cover, 0, 1)[..., None].astype(np.float32)


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    ys, xs = np.mgrid[:SIZE, :SIZE]
    return radius + 0.5 - np.hypot(xs - x, ys - y)


def _below(heights: np.ndarray) -> np.ndarray:
    """Cover below a line that has a height for every column."""
    return np.mgrid[:SIZE, :SIZE][0] - heights[None] + 0.5


def _sea() -> np.ndarray:
    picture = _vertical((0, (126, 200, 250)), (0.4, (214, 238, 252)), (0.401, (40, 140, 206)), (1, (14, 74, 150)))
    xs = np.arange(SIZE)
    for row, (y, step) in enumerate(((122, 26), (150, 34), (184, 44), (226, 56))):
        crest = y + 4 * np.sin(2 * np.pi * (xs + 17 * row) / step)
        _blend(picture, (150, 212, 240), 0.8 * np.clip(_below(crest), 0, 1) * np.clip(1 - _below(crest + 3), 0, 1))
    return picture


def _cloud(picture: np.ndarray, x: float, y: float, scale: float) -> None:
    for dx, dy, radius in ((-16, 2, 9), (-5, -4, 12), (8, -2, 11), (18, 3, 8)):
        _blend(picture, (255, 255, 255), _disc(x + dx * scale, y + dy * scale, radius * scale))


def _meadow() -> np.ndarray:
    picture = _vertical((0, (120, 196, 250)), (0.55, (220, 240, 252)), (1, (220, 240, 252)))
    xs = np.arange(SIZE)
    _blend(picture, (134, 200, 96), _below(142 + 12 * np.sin(xs / 42.0)))
    _blend(picture, (98, 176, 76), _below(186 + 10 * np.sin(xs / 36.0 + 2)))
    for x, y, color in ((24, 214, (255, 236, 90)), (76, 234, (250, 250, 250)), (132, 222, (250, 140, 170)), (186, 238, (255, 236, 90)),
                         (232, 216, (250, 250, 250)), (52, 246, (250, 140, 170)), (212, 200, (250, 140, 170)), (104, 206, (255, 236, 90))):
        _blend(picture, color, _disc(x, y, 3))
    return picture


def _night() -> np.ndarray:
    picture = _vertical((0, (10, 12, 44)), (1, (48, 44, 110)))
    random = np.random.default_rng(5)
    for x, y, radius in zip(random.uniform(4, 252, 44), random.uniform(4, 252, 44), random.choice((0.6, 1.0, 1.6), 44)):
        _blend(picture, (255, 250, 220), _disc(x, y, radius))
    return picture


def _beach() -> np.ndarray:
    picture = _vertical((0, (122, 204, 250)), (0.38, (216, 240, 252)), (0.381, (50, 170, 206)), (0.6, (126, 214, 220)))
    shore = 152 + 6 * np.sin(np.arange(SIZE) / 30.0)
    _blend(picture, (250, 250, 246), _below(shore))
    _blend(picture, (244, 218, 160), _below(shore + 5))
    return picture


def _snow() -> np.ndarray:
    picture = _vertical((0, (158, 190, 226)), (0.6, (222, 232, 244)), (1, (222, 232, 244)))
    xs = np.arange(SIZE)
    _blend(picture, (232, 240, 250), _below(150 + 14 * np.sin(xs / 38.0 + 1)))
    _blend(picture, (250, 252, 255), _below(188 + 9 * np.sin(xs / 33.0 + 4)))
    random = np.random.default_rng(9)
    for x, y in zip(random.uniform(4, 252, 26), random.uniform(4, 140, 26)):
        _blend(picture, (255, 255, 255), _disc(x, y, 2))
    return picture


def _sunset() -> np.ndarray:
    picture = _vertical((0, (88, 60, 130)), (0.35, (226, 98, 100)), (0.62, (252, 190, 96)), (0.621, (120, 62, 110)), (1, (44, 30, 76)))
    _blend(picture, (255, 236, 150), _disc(128, 150, 34) * (np.mgrid[:SIZE, :SIZE][0] < 159))
    for y, half in ((168, 30), (178, 22), (190, 14)):
        ys, xs = np.mgrid[:SIZE, :SIZE]
        _blend(picture, (250, 190, 120), 0.8 * ((abs(ys - y) <= 1) & (abs(xs - 128) <= half)))
    return picture


def _desert() -> np.ndarray:
    picture = _vertical((0, (150, 206, 240)), (0.55, (250, 232, 200)), (1, (250, 232, 200)))
    xs = np.arange(SIZE)
    _blend(picture, (236, 190, 116), _below(146 + 16 * np.sin(xs / 46.0 + 3)))
    _blend(picture, (216, 160, 86), _below(194 + 12 * np.sin(xs / 40.0)))
    return picture


def _sky() -> np.ndarray:
    picture = _vertical((0, (84, 164, 240)), (1, (206, 234, 252)))
    for x, y, scale in ((52, 44, 1.4), (196, 76, 1.7), (84, 150, 1.2), (210, 204, 1.3), (40, 224, 1.5)):
        _cloud(picture, x, y, scale)
    return picture


_SETTINGS = {
    "sea": _sea, "meadow": _meadow, "night sky": _night, "beach": _beach,
    "snow": _snow, "sunset": _sunset, "desert": _desert, "sky": _sky,
}
