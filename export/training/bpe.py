"""Byte-level BPE in the form of a Hugging Face tokenizer.json, trained on captions."""

from __future__ import annotations

import collections
import functools
import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path

from sjdexport.tokenizers.hugging_face import byte_alphabet

ALPHABET = byte_alphabet()
PIECE = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")  # GPT-2's pattern, for ASCII


def train_merges(texts: Iterable[str], count: int | None = None) -> list[tuple[str, str]]:
    """The byte-pair merges that shorten the texts most, in order. Fewer than `count` if every piece becomes one token earlier."""
    counts = collections.Counter(piece for text in texts for piece in PIECE.findall(text))
    words = [[[ALPHABET[byte] for byte in piece.encode()], number] for piece, number in counts.items()]
    pairs: collections.Counter[tuple[str, str]] = collections.Counter()
    holders: dict[tuple[str, str], set[int]] = collections.defaultdict(set)
    for i, (parts, number) in enumerate(words):
        for pair in itertools.pairwise(parts):
            pairs[pair] += number
            holders[pair].add(i)
    merges: list[tuple[str, str]] = []
    while pairs and len(merges) != count:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for i in holders.pop(best):
            parts, number = words[i]
            for pair in itertools.pairwise(parts):
                pairs[pair] -= number
                if not pairs[pair]:
                    del pairs[pair]
            words[i][0] = merged = merge(parts, best)
            for pair in itertools.pairwise(merged):
                pairs[pair] += number
                holders[pair].add(i)
    return merges


def merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """The parts with every occurrence of the pair joined, from left to right."""
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
    """Encodes captions in ASCII.

    For other text the exported tokenizer is the reference. Ids start at `first_id`: the bytes, then the merges.
    """

    def __init__(self, merges: list[tuple[str, str]], first_id: int) -> None:
        self.merges = merges
        pieces = [*ALPHABET, *(left + right for left, right in merges)]
        self.vocabulary = {piece: first_id + i for i, piece in enumerate(pieces)}
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.size = first_id + len(pieces)
        self._piece = functools.cache(self._encode_piece)

    @classmethod
    def load(cls, path: Path, first_id: int) -> Tokenizer:
        """Reads a tokenizer.json that `save` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls([tuple(pair.split(" ")) for pair in document["model"]["merges"]], first_id)

    def encode(self, text: str) -> list[int]:
        return [token for piece in PIECE.findall(text) for token in self._piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        parts = [ALPHABET[byte] for byte in piece.encode()]
        while len(parts) > 1:
            pair = min(itertools.pairwise(parts), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if pair not in self.rank:
                break
            parts = merge(parts, pair)
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
