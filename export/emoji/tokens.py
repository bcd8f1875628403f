"""The built-in model's vocabulary and its text tokenizer: byte-level BPE in the form of a Hugging Face tokenizer.json.

| ids | meaning |
|---|---|
| 0, 1, 2, 3 | `<s>`, `<pad>`, `</s>`, `<unk>` |
| 4 .. 1027 | image codes 0 .. 1023 |
| 1028, 1029, 1030, 1031 | image end, image start, row end, end of turn |
| 1032 .. 1287 | the 256 bytes of the GPT-2 byte alphabet |
| 1288 .. | merges, in their order |
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
import re
from pathlib import Path

import numpy as np

from alphabet import BACKGROUNDS, GLYPHS
from scenes import Scene

BOS, PAD = 0, 1
FIRST_CODE, CODES = 4, 1024
IMAGE_END, IMAGE_START, ROW_END, TURN_END = 1028, 1029, 1030, 1031
FIRST_BYTE = 1032
WORD = re.compile(r" ?[A-Za-z]+| ?[^\sA-Za-z]+|\s+")  # what GPT-2's pattern does to captions: ASCII words


@functools.cache
def byte_alphabet() -> tuple[str, ...]:
    """The printable character that stands for each byte in GPT-2's vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = iter(range(256, 512))
    return tuple(chr(byte) if byte in printable else chr(next(shifted)) for byte in range(256))


def captions() -> list[str]:
    """Captions that between them hold every word, plain and with a capital first letter."""
    count = len(GLYPHS)
    scenes = [Scene("one", (g,), b) for g in range(count) for b in BACKGROUNDS]
    scenes += [Scene("four", (g,), b) for g in range(count) for b in BACKGROUNDS]
    for layout, step in itertools.product(("side", "stack"), (1, 7, 31)):
        scenes += [Scene(layout, (g, (g + step) % count), b) for g in range(count) for b in BACKGROUNDS]
    plain = [scene.caption for scene in scenes]
    return plain + [caption[0].upper() + caption[1:] for caption in plain]


def train_merges() -> list[tuple[str, str]]:
    """Byte-pair merges until every word of every caption is one token."""
    alphabet = byte_alphabet()
    counts = collections.Counter(word for caption in captions() for word in WORD.findall(caption))
    words = {word: [alphabet[byte] for byte in word.encode()] for word in counts}
    merges = []
    while True:
        pairs: collections.Counter[tuple[str, str]] = collections.Counter()
        for word, parts in words.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in words.items():
            words[word] = _merge(parts, best)


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged, i = [], 0
    while i < len(parts):
        if tuple(parts[i : i + 2]) == pair:
            merged.append(parts[i] + parts[i + 1])
            i += 2
        else:
            merged.append(parts[i])
            i += 1
    return merged


class Tokenizer:
    """Encodes captions; for other text the exported tokenizer graph is the reference."""

    def __init__(self) -> None:
        self.merges = train_merges()
        pieces = [*byte_alphabet(), *(left + right for left, right in self.merges)]
        self.vocabulary = {piece: FIRST_BYTE + i for i, piece in enumerate(pieces)}
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.size = FIRST_BYTE + len(pieces)
        self._word = functools.cache(self._encode_word)

    def encode(self, text: str) -> list[int]:
        return [token for word in WORD.findall(text) for token in self._word(word)]

    def _encode_word(self, word: str) -> list[int]:
        parts = [byte_alphabet()[byte] for byte in word.encode()]
        while len(parts) > 1:
            pair = min(itertools.pairwise(parts), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if pair not in self.rank:
                break
            parts = _merge(parts, pair)
        return [self.vocabulary[part] for part in parts]

    def save(self, path: Path) -> None:
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        model = {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "vocab": self.vocabulary, "merges": [" ".join(pair) for pair in self.merges],
        }
        document = {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level, "model": model,
        }
        path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def prompt(text: list[int]) -> list[int]:
    return [BOS, *text, TURN_END, IMAGE_START]


def picture(codes: np.ndarray) -> np.ndarray:
    """Ids of a picture's codes [rows, columns]: every row ends with a row end, the last one with the image end too."""
    rows = np.concatenate([codes + FIRST_CODE, np.full((len(codes), 1), ROW_END)], axis=1)
    return np.append(rows.ravel(), IMAGE_END)
