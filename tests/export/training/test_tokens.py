"""The vocabulary and the text tokenizer."""

from __future__ import annotations

import numpy as np
import pytest

from emoji import tokens


@pytest.fixture(scope="module")
def text() -> tokens.Tokenizer:
    return tokens.Tokenizer(tokens.train_merges(tokens.sample_captions(400), 500))


def spelled(text: tokens.Tokenizer, ids: list[int]) -> str:
    pieces = {token: piece for piece, token in text.vocabulary.items()}
    byte_of = {character: byte for byte, character in enumerate(tokens.byte_alphabet())}
    return bytes(byte_of[character] for id in ids for character in pieces[id]).decode()


TEXTS = ("a cat and a pizza on a yellow background", "A Zebra's café, 7 of them!", "  two  spaces ", "jack-o'-lantern")


@pytest.mark.parametrize("words", TEXTS)
def test_tokens_spell_the_text(text, words):
    assert spelled(text, text.encode(words)) == words


def test_merges_make_captions_short(text):
    words = "a fox on a red background"
    assert len(text.encode(words)) <= len(words.split()) + 2


def test_merges_are_those_of_recounting_every_pair():
    texts = ["a fox and a box", "a fox on a box", "six foxes", "two boxes and an axe"] * 3
    merges = tokens.train_merges(texts, 12)
    words = [[list(piece.replace(" ", "Ġ"))] for line in texts for piece in tokens.PIECE.findall(line)]
    for merge in merges:
        counts: dict[tuple[str, str], int] = {}
        for (parts,) in words:
            for pair in zip(parts, parts[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        assert merge == max(counts, key=lambda pair: (counts[pair], pair))
        for word in words:
            word[0] = tokens._merge(word[0], merge)


def test_a_saved_tokenizer_reads_back_the_same(text, tmp_path):
    text.save(tmp_path / "tokenizer.json")
    again = tokens.Tokenizer.load(tmp_path / "tokenizer.json")
    assert again.vocabulary == text.vocabulary and again.merges == text.merges


def test_ids_of_codes_marks_and_text_do_not_meet(text):
    marks = [tokens.IMAGE_END, tokens.IMAGE_START, tokens.ROW_END, tokens.TURN_END]
    codes = range(tokens.FIRST_CODE, tokens.FIRST_CODE + tokens.CODES)
    groups = [{tokens.BOS, tokens.PAD, 2, 3}, set(codes), set(marks), set(text.vocabulary.values())]
    assert sum(map(len, groups)) == len(set().union(*groups)) == text.size


def test_a_picture_is_rows_with_ends():
    ids = tokens.picture(np.arange(6).reshape(2, 3))
    assert ids.tolist() == [4, 5, 6, tokens.ROW_END, 7, 8, 9, tokens.ROW_END, tokens.IMAGE_END]
