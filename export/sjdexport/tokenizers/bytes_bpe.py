"""Byte-pair encoding over bytes, as in GPT-2: a vocabulary and an ordered list of merges."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import contract
from .specials import split_specials
from .splits import Split, write_splits


@dataclasses.dataclass(frozen=True)
class BytesBpe:
    """Text is normalized and cut into pieces.

    In each piece, pairs of bytes are merged: the earliest merge first, and leftmost pairs first.
    """

    vocabulary: Mapping[str, int]  # the tokens that text can become, in the byte alphabet
    merges: Sequence[tuple[str, str]]
    specials: Mapping[str, int]  # tokens that text never becomes
    names: Mapping[str, int]  # all tokens by their names in the file, including special ones
    splits: Sequence[Split]
    normalizers: Sequence[str] = ()
    ignore_merges: bool = False  # whether a piece that equals a token becomes that token, independent of merges
    unknown: int | None = None  # the id for bytes without a token; None omits them
    characters: Mapping[str, int] = dataclasses.field(default_factory=dict)  # single characters that always become these tokens
    patterns: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what special tokens match in a template, if not only themselves

    @property
    def size(self) -> int:
        return max(self.names.values()) + 1

    def id(self, token: str) -> int | None:
        return self.names.get(token)

    def split_specials(self, template: str) -> list[int | str]:
        return split_specials(template, self.specials, self.patterns)

    def write(self, folder: Path) -> dict[str, Any]:
        vocabulary = json.dumps(self.vocabulary, ensure_ascii=False, separators=(",", ":"))
        (folder / contract.TOKENIZER_VOCABULARY).write_bytes(f"{vocabulary}\n".encode())
        section: dict[str, Any] = {"kind": "bpe", "vocabulary": contract.TOKENIZER_VOCABULARY}
        if self.merges:
            merges = "".join(f"{left} {right}\n" for left, right in self.merges)
            (folder / contract.TOKENIZER_MERGES).write_bytes(merges.encode())  # bytes, for the same line ends on every system
            section["merges"] = contract.TOKENIZER_MERGES
        section |= {"normalizers": list(self.normalizers), **write_splits(self.splits)}
        if self.ignore_merges:
            section["ignoreMerges"] = True
        if self.unknown is not None:
            section["unknownId"] = self.unknown
        if self.characters:
            section["characters"] = dict(self.characters)
        return section
