"""The data, the text tokenizer and the judge of the model onnx-models/emoji. Training is not run here, because it takes hours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.runner import ROOT
from training.bpe import ALPHABET, Tokenizer
from training.noto_emoji.alphabet import BACKGROUNDS, GLYPHS
from training.noto_emoji.judge import judge
from training.noto_emoji.scenes import FONT, Scene, draw, random_scene
from training.noto_emoji.tokens import train_tokenizer

needs_font = pytest.mark.skipif(not Path(FONT).exists(), reason=f"{FONT} is missing (Debian: fonts-noto-color-emoji)")


@pytest.fixture(scope="module")
def text() -> Tokenizer:
    return train_tokenizer()


def scenes(count: int, held_out: bool) -> list[Scene]:
    random = np.random.default_rng(7)
    return [random_scene(random, held_out) for _ in range(count)]


def test_no_caption_is_both_trained_on_and_held_out():
    trained = {scene.caption for scene in scenes(300, held_out=False)}
    held_out = {scene.caption for scene in scenes(300, held_out=True)}
    assert not trained & held_out


def test_every_word_of_a_caption_is_one_token(text):
    for scene in scenes(200, held_out=True):
        caption = scene.caption
        assert len(text.encode(caption)) == len(caption.split())
        assert len(text.encode(caption[0].upper() + caption[1:])) == len(caption.split())


def test_the_tokens_of_a_caption_spell_it(text):
    spelled = {token: piece for piece, token in text.vocabulary.items()}
    byte_of = {character: byte for byte, character in enumerate(ALPHABET)}
    caption = "a Zebra's café, 7 of them"
    pieces = "".join(spelled[token] for token in text.encode(caption))
    assert bytes(byte_of[character] for character in pieces).decode() == caption


def test_the_committed_model_has_the_vocabulary_that_is_trained_here(text):
    committed = json.loads((ROOT / "onnx-models" / "emoji" / "tokenizer.json").read_text(encoding="utf-8"))
    assert committed["model"]["vocab"] == text.vocabulary


@needs_font
def test_a_drawing_of_each_glyph_is_judged_right():
    random = np.random.default_rng(3)
    for glyph in range(len(GLYPHS)):
        scene = Scene("one" if glyph % 2 else "four", (glyph,), list(BACKGROUNDS)[glyph % len(BACKGROUNDS)])
        judgment = judge(draw(scene, random), scene)
        assert judgment.right, (scene.caption, judgment)


@needs_font
@pytest.mark.parametrize(("drawn", "asked"), [
    (Scene("stack", (2, 54), "blue"), Scene("stack", (54, 2), "blue")),  # the wrong way round
    (Scene("stack", (2, 54), "blue"), Scene("stack", (2, 54), "red")),  # on another background
    (Scene("one", (2,), "blue"), Scene("one", (3,), "blue")),  # another glyph
    (Scene("side", (2, 54), "blue"), Scene("stack", (2, 54), "blue")),  # another layout
])
def test_a_drawing_of_another_scene_is_judged_wrong(drawn, asked):
    assert not judge(draw(drawn, np.random.default_rng(0)), asked).right


@needs_font
def test_noise_and_an_empty_background_are_judged_wrong():
    random = np.random.default_rng(0)
    scene = Scene("one", (2,), "blue")
    picture = draw(scene, random)
    assert not judge(random.integers(0, 256, picture.shape, dtype=np.uint8), scene).right
    flat = np.broadcast_to(np.array(BACKGROUNDS["blue"], np.uint8), picture.shape)
    assert not judge(flat, scene).right
