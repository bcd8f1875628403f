"""Texts on which tokenizers differ.

Merges show the difference, because they were trained across the places where text is split.
"""

from __future__ import annotations

import collections
import functools
import unicodedata
from collections.abc import Iterator

import numpy as np

FRAGMENTS = [
    *"the fox a red rocket on blue there masterpiece, film grained best quality. Generate an image of 768x512 according to".split(),
    "fox's", "can't", "we'll", "THEY'RE", "I'm", "D'", "'s", "'S", "'", "''", "don't,", "x1y2", "12", "3", "2024",
    "!!", "...", "?!", "-", "--", "a-b", "(b)", "#1", "é", "straße", "naïve", "Ωmega", "Привет", "мир", "שלום", "مرحبا",
    "日本語", "テキスト", "中文", "字符。", "，", "한국어", "हिन्दी", "ไทย",
    "ﬁ", "e\u0301", "n\u0303", "a\u0323\u0307", "🦊", "🚀", "👨‍👩‍👧", "🏳️‍🌈", "1️⃣",
    "ö", "ü", "À", "÷", "€", "©", "«x»", "“q”", "…", "—",
    "<s>", "</s>", "<|im_start|>", "<|User|>", "<|endoftext|>", "<begin_of_image>", "<reserved08706>", "<sentinel:12>",
    "IMGIMGABZ", "IMGIMGA",
    "<0x0A>", "▁", "{prompt}", "\\n", "Ġa", "Ċ", "\x01", "\x1b[0m", "\x7f", "\u200b", "\u200d", "\u202e", "\U000f0000",
]
SPACES = [
    " ", " ", " ", " ", "", "", "  ", "   ", "    ", "\n", "\n\n", " \n", "\n ", "\t", "\t\t", "\r\n", " \t ",
    "\u00a0", "\u3000", "\u2028", "\v", "\f",
]
STRANGE = [
    "", " ", "  ", "\n", " \n \t ", "trailing  ", "\n\ntrailing\n\n", "  leading", "\ufeffbom", "a\u0085\u0085b \u0085",
    "x" * 300, "! " * 40, " " * 50 + "a", "日" * 60,
]


def texts(count: int, seed: int = 7) -> Iterator[str]:
    """Random texts of fragments and spaces. One in eight has random assigned characters."""
    random = np.random.default_rng(seed)
    yield from STRANGE
    for i in range(count - len(STRANGE)):
        if i % 8:
            yield "".join(f"{random.choice(FRAGMENTS)}{random.choice(SPACES)}" for _ in range(random.integers(1, 9)))
        else:
            yield "".join(random.choice(_assigned(), random.integers(1, 12)))


@functools.cache
def _assigned() -> np.ndarray:
    """Letters, marks, numbers, punctuation and symbols of Unicode 3.2, which every library knows."""
    return np.array([c for i in range(1, 0x2FA20) if unicodedata.ucd_3_2_0.category(c := chr(i))[0] in "LMNPS"])


@functools.cache
def trained_merges(count: int) -> tuple[tuple[bytes, bytes], ...]:
    """The most common pairs in a text of fragments, also across words, digits and new-lines."""
    parts = [bytes([byte]) for text in texts(250, seed=11) if len(text) < 200 for byte in text.encode()]
    merges = []
    for _ in range(count):
        pair = max((counted := collections.Counter(zip(parts, parts[1:]))), key=lambda pair: (counted[pair], pair))
        merges.append(pair)
        parts = merge(parts, pair)
    return tuple(merges)


def merge(parts: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    merged, i = [], 0
    while i < len(parts):
        both = tuple(parts[i : i + 2]) == pair
        merged.append(parts[i] + parts[i + 1] if both else parts[i])
        i += 2 if both else 1
    return merged
