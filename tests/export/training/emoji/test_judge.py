"""The judge accepts true drawings and rejects drawings of other scenes."""

from __future__ import annotations

import numpy as np
import pytest

from training.emoji.backgrounds import draw_background, random_background
from training.emoji.judge import Judge
from training.emoji.scenes import LAYOUTS, Scene, draw, random_scene
from training.emoji.sprites import things


@pytest.fixture(scope="module")
def judge(sprites) -> Judge:
    return Judge(sprites)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """One of each layout."""
    random = np.random.default_rng(8)
    found: dict[str, Scene] = {}
    while len(found) < len(LAYOUTS):
        scene = random_scene(random)
        found.setdefault(scene.layout, scene)
    return list(found.values())


def test_a_true_drawing_of_each_layout_is_judged_right(judge, sprites, scenes):
    assert [scene.layout for scene in scenes if not judge.judge(draw(scene, sprites), scene).right] == []


def test_a_wrong_thing_is_judged_wrong_and_the_other_things_right(judge, sprites, scenes):
    for scene in scenes:
        last = scene.items[-1]
        swapped = scene._replace(items=(*scene.items[:-1], last._replace(thing=(last.thing + 7) % len(things()))))
        judgment = judge.judge(draw(swapped, sprites), scene)
        assert judgment.background
        assert not judgment.items[-1] and all(judgment.items[:-1]), scene.layout


def test_a_wrong_background_is_judged_wrong(judge, sprites, scenes):
    random = np.random.default_rng(4)
    for scene in scenes:
        other = random_background(random)
        assert judge.judge(draw(scene._replace(background=other), sprites), scene).background == (other == scene.background)


def test_no_thing_is_found_on_an_empty_background(judge, scenes):
    for scene in scenes:
        assert not any(judge.judge(draw_background(scene.background), scene).items), scene.layout


def test_things_in_swapped_positions_are_judged_wrong(judge, sprites, scenes):
    scene = next(scene for scene in scenes if scene.layout == "row")
    first, middle, last = scene.items
    swapped = (first._replace(thing=last.thing), middle, last._replace(thing=first.thing))
    assert judge.judge(draw(scene._replace(items=swapped), sprites), scene).items == (False, True, False)
