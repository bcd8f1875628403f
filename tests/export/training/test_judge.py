"""The judge: right of true scenes, wrong of scenes that differ."""

from __future__ import annotations

import numpy as np
import pytest

from emoji.backgrounds import draw_background, random_background
from emoji.judge import Judge
from emoji.scenes import LAYOUTS, Scene, draw, random_scene
from emoji.sprites import things


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


def test_true_drawings_are_right(judge, sprites, scenes):
    assert [scene.layout for scene in scenes if not judge.judge(draw(scene, sprites), scene).right] == []


def test_another_thing_in_one_place_is_wrong_there_alone(judge, sprites, scenes):
    for scene in scenes:
        last = scene.items[-1]
        swapped = scene._replace(items=(*scene.items[:-1], last._replace(thing=(last.thing + 7) % len(things()))))
        judgement = judge.judge(draw(swapped, sprites), scene)
        assert judgement.background
        assert not judgement.items[-1] and all(judgement.items[:-1]), scene.layout


def test_another_background_is_wrong(judge, sprites, scenes):
    random = np.random.default_rng(4)
    for scene in scenes:
        other = random_background(random)
        assert judge.judge(draw(scene._replace(background=other), sprites), scene).background == (other == scene.background)


def test_a_picture_without_things_shows_none(judge, scenes):
    for scene in scenes:
        assert not any(judge.judge(draw_background(scene.background), scene).items), scene.layout


def test_things_that_changed_places_are_wrong(judge, sprites, scenes):
    scene = next(scene for scene in scenes if scene.layout == "row")
    first, middle, last = scene.items
    swapped = (first._replace(thing=last.thing), middle, last._replace(thing=first.thing))
    assert judge.judge(draw(scene._replace(items=swapped), sprites), scene).items == (False, True, False)
