"""Normalizers, tested with a vocabulary of single bytes, so that the ids are the normalized text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.texts import texts
from harness.tokenizers import ALPHABET, open_tokenizer
from sjdexport.tokenizers.bytes_bpe import BytesBpe

MARKS = "\u0300\u0301\u0308\u0323\u0327\u0331\u0338\u0345\u05b0\u064b\u093c\u0e38\u302a\u3099"
CASES = [
    "", "a", "plain text", "e\u0301", "é", "\u0301 first", "q\u0307\u0323", "a\u0323\u0307", "a\u0307\u0323\u0301", "ộ", "o\u0302\u0323",
    "\u1e9b\u0323", "A\u030aB\u030a",
    "\u212b \u2126 \u212a", "\u00c5\u0327", "가", "\u1100\u1161", "\u1100\u1161\u11a8\u11a8", "\uac00\u11a8",
    "\u1100\u1161\u0301", "\u1100\u1100\u1161", "한국어 텍스트",
    "\u0dd9\u0dcf\u0dca", "\u09c7\u09be", "\u0b47\u0300\u0b3e", "\u0915\u093c", "\u0958", "\u0344", "\u2adc", "\uf900 \U0002f800",
    "\U0001d15e", "\U00011099\U000110ba",
    "a" + "\u0301" * 20, "a\u034f\u0301", "x\n\ty\u0303\n", "ﬁ ½ ①", "c\u0327\u0301 ḉ ć\u0327", "\u0301" * 5,
]


def load(runner, tmp_path: Path, *normalizers: str):
    vocabulary = {character: byte for byte, character in enumerate(ALPHABET)}
    encode = open_tokenizer(runner, tmp_path, BytesBpe(vocabulary, [], {}, vocabulary, [], normalizers))
    return lambda text: bytes(encode(text)).decode()


def test_nfc_equals_that_of_python(runner, tmp_path: Path) -> None:
    normalize = load(runner, tmp_path, "nfc")
    for text in [*CASES, *marked(150), *texts(60)]:
        assert normalize(text) == unicodedata.normalize("NFC", text), ascii(text)


def test_every_decomposed_character_is_composed_again(runner, tmp_path: Path) -> None:
    normalize = load(runner, tmp_path, "nfc")
    characters = (chr(i) for i in range(0x11FFF) if not 0xD800 <= i < 0xE000 and not 0xAC00 <= i < 0xD7A4)
    changed = [c for c in characters if unicodedata.normalize("NFD", c) != c]
    changed += [chr(i) for i in range(0xAC00, 0xD7A4, 97)]
    for start in range(0, len(changed), 60):
        text = "|".join(changed[start : start + 60])
        assert normalize(unicodedata.normalize("NFD", text)) == normalize(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["The FOX", "ΟΔΥΣΣΕΥΣ", "İstanbul", "ǅ Ǆ", "🦊\n", ""])
def test_text_is_lowercased_character_by_character(runner, tmp_path: Path, text: str) -> None:
    assert load(runner, tmp_path, "lowercase")(text) == "".join(c.lower() for c in text)


def test_normalizers_run_one_after_the_other(runner, tmp_path: Path) -> None:
    assert load(runner, tmp_path, "nfc", "lowercase")("E\u0301A\u030a") == "éå"


def marked(count: int) -> Iterator[str]:
    random = np.random.default_rng(5)
    bases = "aAeoO qsyΑω가각\u1100\u1161\u11a8क\u09c7\u09be日ộ"
    for _ in range(count):
        yield "".join(random.choice(list(bases if random.random() < 0.5 else MARKS)) for _ in range(random.integers(1, 16)))
