"""Captions name what their scenes show, in many forms."""

from __future__ import annotations

import re

import numpy as np
import pytest

from training.emoji.captions import COLOR_WORDS, PLACE_WORDS, SETTING_WORDS, SIZE_WORDS, caption, plain_caption
from training.emoji.scenes import Scene, random_scene
from training.emoji.sprites import things


def scenes(count: int) -> list[Scene]:
    random = np.random.default_rng(11)
    return [random_scene(random) for _ in range(count)]


def positions(text: str, scene: Scene) -> list[int]:
    """The index in the caption of each thing's name. Fails if a thing is not named."""
    found = []
    for thing, _ in scene.counts:
        names = sorted({name for pair in things()[thing].names for name in pair}, key=len, reverse=True)
        match = re.search("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names), text.lower())
        assert match, (text, names)
        found.append(match.start())
    return found


def test_every_caption_names_all_things_of_its_scene():
    random = np.random.default_rng(1)
    for scene in scenes(1500):
        positions(caption(scene, random), scene)


def test_a_plain_caption_also_names_sizes_places_and_the_background():
    random = np.random.default_rng(2)
    for scene in scenes(1500):
        text = plain_caption(scene, random)
        positions(text, scene)
        for size in scene.sizes:
            assert not size or any(word in text for word in SIZE_WORDS[size]), text
        if scene.place:
            assert any(word in text for word in PLACE_WORDS[scene.place]), text
        kind, parts = scene.background
        for part in parts:
            words = SETTING_WORDS[part] if kind == "setting" else COLOR_WORDS.get(part, (part,))
            assert any(word in text for word in words), text


def test_things_joined_by_and_are_named_from_left_to_right():
    random = np.random.default_rng(3)
    joined = 0
    for scene in scenes(4000):
        if scene.layout == "beside":
            text = plain_caption(scene, random)
            if " and " in text and " right" not in text and scene.background.kind in ("plain", "setting"):
                first, second = positions(text, scene)
                assert first < second, text
                joined += 1
    assert joined > 50


def test_one_scene_has_many_captions():
    scene = next(scene for scene in scenes(200) if scene.layout == "beside")
    random = np.random.default_rng(4)
    assert len({caption(scene, random) for _ in range(200)}) > 150


FORMS = (r" and ", r" next to ", r" with ", r" on top of ", r"^a picture of ", r"^draw me ", r"\.$", r"^[A-Z]", r"^[^a-z]+$")


@pytest.mark.parametrize("form", FORMS)
def test_captions_have_the_forms_that_people_write(form):
    random = np.random.default_rng(5)
    assert any(re.search(form, caption(scene, random)) for scene in scenes(1500))


def test_captions_use_both_british_and_american_words():
    random = np.random.default_rng(6)
    texts = " ".join(caption(scene, random).lower() for scene in scenes(2000))
    assert all(re.search(rf"\b{word}\b", texts) for word in ("gray", "grey", "center", "centre"))
    names = [{one for one, _ in thing.names} for thing in things()]
    for pair in ({"airplane", "aeroplane"}, {"truck", "lorry"}, {"fries", "chips"}, {"cookie", "biscuit"}, {"eggplant", "aubergine"}):
        assert any(pair <= named for named in names), pair


def test_nouns_that_cannot_be_counted_have_no_article():
    random = np.random.default_rng(7)
    seen = 0
    for scene in scenes(6000):
        match = re.search(r"\b(an?|the|some|) ?(milk|sushi|money|lightning)\b(?! (?:bag|bolt))", plain_caption(scene, random))
        if match and all(count == 1 for _, count in scene.counts) and not any(scene.sizes):
            seen += match.group(1) in ("", "some")
            assert match.group(1) not in ("a", "an"), match
    assert seen > 3
