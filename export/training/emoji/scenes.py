"""Scenes of 256 x 256 pixels: things with places and sizes on a background. The model is trained on nothing else.

Sprites are aligned with the image tokenizer's grid of 16 pixels, so a part of a thing looks the same to it wherever the thing is.
Some combinations of thing, place and background are held out, by their SHA-256: training never draws a scene with one of them.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np

from .backgrounds import SIZE, Background, draw_background, random_background
from .sprites import Sprites, things

GRID = 16  # pixels
TINY, SMALL, MEDIUM, LARGE, HUGE = 48, 80, 112, 144, 192  # pixels along a sprite's side
SIZES = (TINY, SMALL, MEDIUM, LARGE, HUGE)
PLACES = ("center", "left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right")
LAYOUTS = ("one", "beside", "above", "on", "front", "row", "grid", "count", "groups")
LAYOUT_SHARES = (0.28, 0.2, 0.11, 0.05, 0.08, 0.08, 0.05, 0.1, 0.05)
PAIR_SIZES = (("big", ""), ("", "big"), ("tiny", ""), ("", "tiny"), ("small", "big"), ("big", "small"), ("small", ""), ("", "small"))
HELD_OUT = 16  # one combination of thing, place and background in this many


class Item(NamedTuple):
    thing: int  # index into things()
    size: int  # pixels
    left: int
    top: int
    place: str  # the name of its place in the layout


class Scene(NamedTuple):
    layout: str
    items: tuple[Item, ...]  # painted in this order
    background: Background
    counts: tuple[tuple[int, int], ...]  # (thing, how many), as a caption names them
    sizes: tuple[str, ...]  # size word for each of counts; "" for the layout's usual size
    place: str  # for layout "one": a word of PLACES, or "" if the caption does not name it

    @property
    def combinations(self) -> set[str]:
        """Thing, place and background of every item."""
        return {f"{things()[item.thing].code}|{item.place}|{self.background.key}" for item in self.items}

    @property
    def held_out(self) -> bool:
        return any(_is_held_out(combination) for combination in self.combinations)


def _is_held_out(combination: str) -> bool:
    return hashlib.sha256(combination.encode()).digest()[0] % HELD_OUT == 0


def random_scene(random: np.random.Generator, held_out: bool = False) -> Scene:
    """A scene to train on, or a held-out one."""
    while True:
        scene = _any_scene(random)
        if scene.held_out == held_out:
            return scene


def _any_scene(random: np.random.Generator) -> Scene:
    layout = str(random.choice(LAYOUTS, p=LAYOUT_SHARES))
    return _BUILDERS[layout](random, random_background(random))


def _pick(random: np.random.Generator, count: int) -> list[int]:
    """Indices of `count` different things."""
    return [int(thing) for thing in random.choice(len(things()), size=count, replace=False)]


def _at(low: int, high: int, random: np.random.Generator) -> int:
    """A multiple of 16 pixels from `low` to `high`."""
    return int(random.integers(low // GRID, high // GRID + 1)) * GRID


def _span(place: str, size: int, words: tuple[str, str]) -> tuple[int, int]:
    """First and last pixel at which a sprite may begin along one axis. `words` name the axis' two ends."""
    room = (SIZE - size) // GRID * GRID
    if words[0] in place:
        return 0, min(GRID, room)
    if words[1] in place:
        return max(room - GRID, 0), room
    middle = room // 2 // GRID * GRID
    return max(middle - GRID, 0), min(middle + GRID, room)


def _one(random: np.random.Generator, background: Background) -> Scene:
    (thing,) = _pick(random, 1)
    word = str(random.choice(("", "small", "tiny", "big"), p=(0.55, 0.15, 0.1, 0.2)))
    size = {"": LARGE, "small": SMALL, "tiny": TINY, "big": HUGE}[word]
    place = "" if word == "big" or random.random() < 0.6 else str(random.choice(PLACES))
    actual = place or "center"
    left = _at(*_span(actual, size, ("left", "right")), random)
    top = _at(*_span(actual, size, ("top", "bottom")), random)
    return Scene("one", (Item(thing, size, left, top, actual),), background, ((thing, 1),), (word,), place)


def _pair_sizes(random: np.random.Generator) -> tuple[tuple[str, str], tuple[int, int]]:
    words = ("", "")
    if random.random() < 0.3:
        words = PAIR_SIZES[random.integers(len(PAIR_SIZES))]
    return words, tuple({"": MEDIUM, "big": LARGE, "tiny": TINY, "small": SMALL}[word] for word in words)


def _beside(random: np.random.Generator, background: Background) -> Scene:
    first, second = _pick(random, 2)
    words, (a, b) = _pair_sizes(random)
    gap = _at(0, min(SIZE - a - b, 2 * GRID), random)
    left = _at(max(0, (SIZE - a - b - gap) // 2 - GRID), max(0, min((SIZE - a - b - gap) // 2 + GRID, SIZE - a - b - gap)), random)
    bottom = SIZE - (SIZE - max(a, b)) // 2 // GRID * GRID + _at(-GRID, GRID, random)  # on a common base line
    items = (Item(first, a, left, bottom - a, "left"), Item(second, b, left + a + gap, bottom - b, "right"))
    return Scene("beside", items, background, ((first, 1), (second, 1)), words, "")


def _stack(layout: str, random: np.random.Generator, background: Background) -> Scene:
    first, second = _pick(random, 2)
    words, (a, b) = _pair_sizes(random)
    gap = 0 if layout == "on" else _at(min(GRID, SIZE - a - b), min(SIZE - a - b, 2 * GRID), random)
    room = SIZE - a - b - gap
    top = _at(max(0, room // 2 - GRID), min(room, room // 2 + GRID), random)
    middle = (SIZE // 2) + _at(-GRID, GRID, random)
    items = (Item(first, a, _snap(middle - a // 2), top, layout), Item(second, b, _snap(middle - b // 2), top + a + gap, "below"))
    return Scene(layout, items, background, ((first, 1), (second, 1)), words, "")


def _snap(pixel: int) -> int:
    return pixel // GRID * GRID


def _front(random: np.random.Generator, background: Background) -> Scene:
    """The first thing is in front of the second, lower and to one side."""
    first, second = _pick(random, 2)
    behind = Item(second, LARGE, _at(GRID, SIZE - LARGE - GRID, random), _at(0, 2 * GRID, random), "behind")
    side = 0 if behind.left > (SIZE - LARGE) // 2 else LARGE - MEDIUM + GRID
    left = min(max(behind.left + side + _at(-GRID, 0, random), 0), SIZE - MEDIUM)
    front = Item(first, MEDIUM, left, min(behind.top + 5 * GRID, SIZE - MEDIUM), "front")
    return Scene("front", (behind, front), background, ((first, 1), (second, 1)), ("", ""), "")


def _cells(count: int) -> tuple[int, list[tuple[int, int]]]:
    """Size and corners of `count` things, in reading order."""
    if count == 2:
        return MEDIUM, [(16, 64), (128, 64)]
    if count == 3:
        return SMALL, [(0, 80), (80, 80), (160, 80)]
    if count == 4:
        return MEDIUM, [(16, 16), (128, 16), (16, 128), (128, 128)]
    if count == 5:
        return SMALL, [(0, 32), (80, 32), (160, 32), (32, 128), (128, 128)]
    return SMALL, [(x, y) for y in (32, 128) for x in (0, 80, 160)]


def _arranged(layout: str, counts: list[tuple[int, int]], random: np.random.Generator, background: Background) -> Scene:
    each = [thing for thing, count in counts for _ in range(count)]
    size, corners = _cells(len(each))
    dx, dy = _at(0, GRID, random), _at(-GRID, GRID, random)
    items = tuple(Item(thing, size, x + dx, y + dy, f"{i + 1} of {len(each)}") for i, (thing, (x, y)) in enumerate(zip(each, corners)))
    return Scene(layout, items, background, tuple(counts), ("",) * len(counts), "")


def _row(random: np.random.Generator, background: Background) -> Scene:
    return _arranged("row", [(thing, 1) for thing in _pick(random, 3)], random, background)


def _grid(random: np.random.Generator, background: Background) -> Scene:
    return _arranged("grid", [(thing, 1) for thing in _pick(random, 4)], random, background)


def _count(random: np.random.Generator, background: Background) -> Scene:
    return _arranged("count", [(_pick(random, 1)[0], int(random.integers(2, 7)))], random, background)


def _groups(random: np.random.Generator, background: Background) -> Scene:
    counts = ((1, 2), (2, 1), (1, 3), (3, 1), (2, 2))[random.integers(5)]
    return _arranged("groups", list(zip(_pick(random, 2), counts)), random, background)


_BUILDERS = {
    "one": _one, "beside": _beside, "front": _front, "row": _row, "grid": _grid, "count": _count, "groups": _groups,
    "above": functools.partial(_stack, "above"), "on": functools.partial(_stack, "on"),
}


def draw(scene: Scene, sprites: Sprites) -> np.ndarray:
    """The picture, uint8 [256, 256, 3]."""
    canvas = draw_background(scene.background).copy()
    for item in scene.items:
        colors, stays = sprites.sprite(item.thing, item.size)
        part = canvas[item.top : item.top + item.size, item.left : item.left + item.size]
        part[:] = (colors + part.astype(np.uint16) * stays) >> 8
    return canvas


def owners(scene: Scene, sprites: Sprites) -> np.ndarray:
    """The thing that covers most of each cell of 16 pixels, int64 [16, 16]. The number of things stands for none."""
    cells = SIZE // GRID
    shown = np.full((cells, cells), len(things()), np.int64)
    for item in scene.items:
        side = item.size // GRID
        cover = 1 - sprites.sprite(item.thing, item.size)[1].reshape(side, GRID, side, GRID).mean(axis=(1, 3)) / 256
        part = shown[item.top // GRID :, item.left // GRID :][:side, :side]
        part[cover[: part.shape[0], : part.shape[1]] > 0.3] = item.thing
    return shown
