"""The text tokenizer: merges are trained on captions, and the tokens of a text spell it."""

from __future__ import annotations

import collections
import itertools
from pathlib import Path

import pytest

from training.bpe import ALPHABET, PIECE, Tokenizer, merge, train_merges
from training.emoji import tokens


@pytest.fixture(scope="module")
def text() -> Tokenizer:
    return tokens.train_tokenizer(captions=400, merges=500)


def spelled(text: Tokenizer, ids: list[int]) -> str:
    pieces = {token: piece for piece, token in text.vocabulary.items()}
    byte_of = {character: byte for byte, character in enumerate(ALPHABET)}
    return bytes(byte_of[character] for id in ids for character in pieces[id]).decode()


TEXTS = ("a cat and a pizza on a yellow background", "A Zebra's café, 7 of them!", "  two  spaces ", "jack-o'-lantern")


@pytest.mark.parametrize("words", TEXTS)
def test_the_tokens_of_a_text_spell_it(text, words):
    assert spelled(text, text.encode(words)) == words


def test_a_trained_tokenizer_needs_about_one_token_for_each_word_of_a_caption(text):
    words = "a fox on a red background"
    assert len(text.encode(words)) <= len(words.split()) + 2


def test_training_finds_the_same_merges_as_counting_all_pairs_again_each_time():
    texts = ["a fox and a box", "a fox on a box", "six foxes", "two boxes and an axe"] * 3
    merges = train_merges(texts, 12)
    words = [list(piece.replace(" ", "Ġ")) for line in texts for piece in PIECE.findall(line)]
    assert len(merges) == 12
    for found in merges:
        counts = collections.Counter(pair for parts in words for pair in itertools.pairwise(parts))
        assert found == max(counts.items(), key=lambda item: (item[1], item[0]))[0]
        words = [merge(parts, found) for parts in words]


def test_a_saved_tokenizer_is_loaded_with_the_same_vocabulary(text, tmp_path: Path):
    text.save(tmp_path / "tokenizer.json")
    again = tokens.load_tokenizer(tmp_path)
    assert again.vocabulary == text.vocabulary and again.merges == text.merges
