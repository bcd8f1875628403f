"""The built-in model's data, its text tokenizer and its judge. Training itself is not run here: it takes hours."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "export" / "emoji"))

import tokens  # noqa: E402
from alphabet import BACKGROUNDS, GLYPHS  # noqa: E402
from judge import judge  # noqa: E402
from scenes import FONT, Scene, draw, random_scene  # noqa: E402

needs_font = pytest.mark.skipif(not Path(FONT).exists(), reason=f"{FONT} is missing (Debian: fonts-noto-color-emoji)")


@pytest.fixture(scope="module")
def text() -> tokens.Tokenizer:
    return tokens.Tokenizer()


def scenes(count: int, held_out: bool) -> list[Scene]:
    random = np.random.default_rng(7)
    return [random_scene(random, held_out) for _ in range(count)]


def test_a_caption_is_either_trained_on_or_held_out():
    trained = {scene.caption for scene in scenes(300, held_out=False)}
    held_out = {scene.caption for scene in scenes(300, held_out=True)}
    assert not trained & held_out


def test_every_word_of_a_caption_is_one_token(text):
    for scene in scenes(200, held_out=True):
        caption = scene.caption
        assert len(text.encode(caption)) == len(caption.split())
        assert len(text.encode(caption[0].upper() + caption[1:])) == len(caption.split())


def test_tokens_spell_the_caption(text):
    spelled = {token: piece for piece, token in text.vocabulary.items()}
    byte_of = {character: byte for byte, character in enumerate(tokens.byte_alphabet())}
    caption = "a Zebra's café, 7 of them"
    pieces = "".join(spelled[token] for token in text.encode(caption))
    assert bytes(byte_of[character] for character in pieces).decode() == caption


def test_a_picture_is_rows_with_ends():
    ids = tokens.picture(np.arange(6).reshape(2, 3))
    assert ids.tolist() == [4, 5, 6, tokens.ROW_END, 7, 8, 9, tokens.ROW_END, tokens.IMAGE_END]


def test_the_built_in_model_has_this_tokenizer(text):
    committed = json.loads((ROOT / "onnx-models" / "emoji" / "tokenizer.json").read_text(encoding="utf-8"))
    assert committed["model"]["vocab"] == text.vocabulary


@needs_font
def test_the_judge_knows_every_drawing():
    random = np.random.default_rng(3)
    for glyph in range(len(GLYPHS)):
        scene = Scene("one" if glyph % 2 else "four", (glyph,), list(BACKGROUNDS)[glyph % len(BACKGROUNDS)])
        judgement = judge(draw(scene, random), scene)
        assert judgement.right, (scene.caption, judgement)


@needs_font
@pytest.mark.parametrize("drawn, asked", [
    (Scene("stack", (2, 54), "blue"), Scene("stack", (54, 2), "blue")),  # the wrong way round
    (Scene("stack", (2, 54), "blue"), Scene("stack", (2, 54), "red")),  # on another background
    (Scene("one", (2,), "blue"), Scene("one", (3,), "blue")),  # another glyph
    (Scene("side", (2, 54), "blue"), Scene("stack", (2, 54), "blue")),  # another layout
])
def test_the_judge_refuses_what_was_not_asked_for(drawn, asked):
    assert not judge(draw(drawn, np.random.default_rng(0)), asked).right


@needs_font
def test_the_judge_refuses_noise_and_emptiness():
    random = np.random.default_rng(0)
    scene = Scene("one", (2,), "blue")
    picture = draw(scene, random)
    assert not judge(random.integers(0, 256, picture.shape, dtype=np.uint8), scene).right
    flat = np.broadcast_to(np.array(BACKGROUNDS["blue"], np.uint8), picture.shape)
    assert not judge(flat, scene).right
