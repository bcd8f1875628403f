"""The drawn scenes: which things they show and where, and which combinations are held out."""

from __future__ import annotations

import numpy as np
import pytest

from training.emoji.backgrounds import COLORS, SIZE, Background, draw_background, every_background
from training.emoji.scenes import GRID, LAYOUTS, SIZES, Scene, draw, owners, random_scene
from training.emoji.sprites import Sprites, things


def scenes(count: int, held_out: bool = False) -> list[Scene]:
    random = np.random.default_rng(7)
    return [random_scene(random, held_out) for _ in range(count)]


def test_all_layouts_occur_and_their_things_lie_inside_the_picture_on_the_grid():
    drawn = scenes(2000)
    assert {scene.layout for scene in drawn} == set(LAYOUTS)
    for scene in drawn:
        for item in scene.items:
            assert item.size in SIZES
            for corner in (item.left, item.top):
                assert corner % GRID == 0 and 0 <= corner <= SIZE - item.size, scene


def test_things_overlap_only_in_the_layout_with_one_in_front_of_the_other():
    for scene in scenes(2000):
        if scene.layout != "front":
            cells = [(x, y) for i in scene.items for x in range(i.left, i.left + i.size, GRID) for y in range(i.top, i.top + i.size, GRID)]
            assert len(cells) == len(set(cells)), scene


def test_a_held_out_scene_has_a_combination_that_training_scenes_never_have():
    trained = set().union(*(scene.combinations for scene in scenes(3000)))
    for scene in scenes(300, held_out=True):
        assert scene.combinations - trained, scene


def test_the_same_seed_gives_the_same_pixels_and_another_seed_gives_others(pack):
    first, second = (
        [draw(random_scene(random), sprites) for _ in range(6)]
        for random, sprites in ((np.random.default_rng(1), Sprites(pack)), (np.random.default_rng(1), Sprites(pack)))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    other = np.random.default_rng(2)
    assert not np.array_equal(first[0], draw(random_scene(other), Sprites(pack)))


def test_a_scene_equals_its_background_outside_the_boxes_of_its_things(sprites):
    for scene in scenes(40):
        outside = np.ones((SIZE, SIZE), bool)
        for item in scene.items:
            outside[item.top : item.top + item.size, item.left : item.left + item.size] = False
        assert np.array_equal(draw(scene, sprites)[outside], draw_background(scene.background)[outside])


def test_the_cell_in_the_middle_of_a_thing_is_labeled_with_that_thing(sprites):
    for scene in scenes(100):
        if scene.layout != "front":
            shown = owners(scene, sprites)
            assert all(shown[(i.top + i.size // 2) // GRID, (i.left + i.size // 2) // GRID] == i.thing for i in scene.items)
            assert shown.max() <= len(things())


def test_no_two_backgrounds_look_the_same():
    drawn = {draw_background(background).tobytes() for background in every_background()}
    assert len(drawn) == len(every_background())


@pytest.mark.parametrize(("kind", "top_right", "bottom_left"), [("halves", "blue", "red"), ("stacked", "red", "blue")])
def test_a_background_of_two_colors_is_divided_in_the_direction_of_its_kind(kind, top_right, bottom_left):
    picture = draw_background(Background(kind, ("red", "blue")))
    assert tuple(picture[0, -1]) == COLORS[top_right]
    assert tuple(picture[-1, 0]) == COLORS[bottom_left]
