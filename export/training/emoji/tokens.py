"""The built-in model's vocabulary and its text tokenizer: byte-level BPE in the form of a Hugging Face tokenizer.json.

| ids | meaning |
|---|---|
| 0, 1, 2, 3 | `<s>`, `<pad>`, `</s>`, `<unk>` |
| 4 .. 4099 | image codes 0 .. 4095 |
| 4100, 4101, 4102, 4103 | image end, image start, row end, end of turn |
| 4104 .. 4359 | the 256 bytes of the GPT-2 byte alphabet |
| 4360 .. | merges, in their order |
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .autoencoder import AutoencoderConfig
from .captions import caption
from .scenes import random_scene

BOS, PAD = 0, 1
FIRST_CODE, CODES = 4, AutoencoderConfig().codes
IMAGE_END, IMAGE_START, ROW_END, TURN_END = range(FIRST_CODE + CODES, FIRST_CODE + CODES + 4)
FIRST_BYTE = FIRST_CODE + CODES + 4
MERGES = 3000
PIECE = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")  # GPT-2's pattern, for ASCII


@functools.cache
def byte_alphabet() -> tuple[str, ...]:
    """The printable character that stands for each byte in GPT-2's vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = iter(range(256, 512))
    return tuple(chr(byte) if byte in printable else chr(next(shifted)) for byte in range(256))


def sample_captions(count: int) -> list[str]:
    """Captions of scenes to train on, always the same ones."""
    random = np.random.default_rng(0)
    return [caption(random_scene(random), random) for _ in range(count)]


def train_merges(texts: Iterable[str], count: int = MERGES) -> list[tuple[str, str]]:
    """The byte-pair merges that shorten the texts most, in their order; fewer where every piece is one token before."""
    alphabet = byte_alphabet()
    counts = collections.Counter(piece for text in texts for piece in PIECE.findall(text))
    words = [[[alphabet[byte] for byte in piece.encode()], number] for piece, number in counts.items()]
    pairs: collections.Counter[tuple[str, str]] = collections.Counter()
    holders: dict[tuple[str, str], set[int]] = collections.defaultdict(set)
    for i, (parts, number) in enumerate(words):
        for pair in itertools.pairwise(parts):
            pairs[pair] += number
            holders[pair].add(i)
    merges: list[tuple[str, str]] = []
    while pairs and len(merges) < count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for i in holders.pop(best):
            parts, number = words[i]
            for pair in itertools.pairwise(parts):
                pairs[pair] -= number
                if not pairs[pair]:
                    del pairs[pair]
            words[i][0] = merged = _merge(parts, best)
            for pair in itertools.pairwise(merged):
                pairs[pair] += number
                holders[pair].add(i)
    return merges


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
    """Encodes captions; for text that is not ASCII the exported tokenizer is the reference."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        self.merges = merges
        pieces = [*byte_alphabet(), *(left + right for left, right in merges)]
        self.vocabulary = {piece: FIRST_BYTE + i for i, piece in enumerate(pieces)}
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.size = FIRST_BYTE + len(pieces)
        self._piece = functools.cache(self._encode_piece)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Reads a tokenizer.json that `save` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls([tuple(merge.split(" ")) for merge in document["model"]["merges"]])

    def encode(self, text: str) -> list[int]:
        return [token for piece in PIECE.findall(text) for token in self._piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        parts = [byte_alphabet()[byte] for byte in piece.encode()]
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
