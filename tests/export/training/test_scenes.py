"""Scenes: what is drawn, where, and which combinations are held out."""

from __future__ import annotations

import numpy as np
import pytest

from emoji.backgrounds import COLOURS, SIZE, Background, draw_background, every_background
from emoji.scenes import GRID, LAYOUTS, SIZES, Scene, draw, owners, random_scene
from emoji.sprites import Sprites, things


def scenes(count: int, held_out: bool = False) -> list[Scene]:
    random = np.random.default_rng(7)
    return [random_scene(random, held_out) for _ in range(count)]


def test_every_layout_is_drawn_inside_the_picture_and_on_the_grid():
    drawn = scenes(2000)
    assert {scene.layout for scene in drawn} == set(LAYOUTS)
    for scene in drawn:
        for item in scene.items:
            assert item.size in SIZES
            for corner in (item.left, item.top):
                assert corner % GRID == 0 and 0 <= corner <= SIZE - item.size, scene


def test_things_overlap_only_where_one_is_in_front_of_the_other():
    for scene in scenes(2000):
        if scene.layout != "front":
            cells = [(x, y) for i in scene.items for x in range(i.left, i.left + i.size, GRID) for y in range(i.top, i.top + i.size, GRID)]
            assert len(cells) == len(set(cells)), scene


def test_training_never_draws_a_combination_that_is_held_out():
    trained = set().union(*(scene.combinations for scene in scenes(3000)))
    for scene in scenes(300, held_out=True):
        assert scene.combinations - trained, scene


def test_the_same_seed_draws_the_same_pixels(pack):
    first, second = (
        [draw(random_scene(random), sprites) for _ in range(6)]
        for random, sprites in ((np.random.default_rng(1), Sprites(pack)), (np.random.default_rng(1), Sprites(pack)))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    other = np.random.default_rng(2)
    assert not np.array_equal(first[0], draw(random_scene(other), Sprites(pack)))


def test_only_the_boxes_of_the_things_differ_from_the_background(sprites):
    for scene in scenes(40):
        outside = np.ones((SIZE, SIZE), bool)
        for item in scene.items:
            outside[item.top : item.top + item.size, item.left : item.left + item.size] = False
        assert np.array_equal(draw(scene, sprites)[outside], draw_background(scene.background)[outside])


def test_owners_name_the_thing_in_the_middle_of_each_sprite(sprites):
    for scene in scenes(100):
        if scene.layout != "front":
            shown = owners(scene, sprites)
            assert all(shown[(i.top + i.size // 2) // GRID, (i.left + i.size // 2) // GRID] == i.thing for i in scene.items)
            assert shown.max() <= len(things())


def test_every_background_has_pixels_of_its_own():
    drawn = {draw_background(background).tobytes() for background in every_background()}
    assert len(drawn) == len(every_background())


@pytest.mark.parametrize(("kind", "top_right", "bottom_left"), [("halves", "blue", "red"), ("stacked", "red", "blue")])
def test_a_background_of_two_colours_shows_each_where_its_kind_says(kind, top_right, bottom_left):
    picture = draw_background(Background(kind, ("red", "blue")))
    assert tuple(picture[0, -1]) == COLOURS[top_right]
    assert tuple(picture[-1, 0]) == COLOURS[bottom_left]
