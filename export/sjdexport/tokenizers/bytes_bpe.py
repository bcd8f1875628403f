"""Byte-pair encoding over bytes, as GPT-2 has it: a vocabulary and an ordered list of merges."""

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
    """Text is normalized, cut into pieces, and each piece's bytes are merged in pairs: the earliest merge first, then leftmost."""

    vocabulary: Mapping[str, int]  # the tokens that text can become, in the byte alphabet
    merges: Sequence[tuple[str, str]]
    specials: Mapping[str, int]  # tokens that no text spells
    names: Mapping[str, int]  # every token by the name its file gives it, special ones too
    splits: Sequence[Split]
    normalizers: Sequence[str] = ()
    ignore_merges: bool = False  # whether a piece that is a token is that token
    unknown: int | None = None  # of a byte without a token; None leaves it out
    characters: Mapping[str, int] = dataclasses.field(default_factory=dict)  # that are tokens wherever they stand
    patterns: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what specials match in a template, if not just themselves

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
            (folder / contract.TOKENIZER_MERGES).write_bytes(merges.encode())  # the same new-lines on every system
            section["merges"] = contract.TOKENIZER_MERGES
        section |= {"normalizers": list(self.normalizers), **write_splits(self.splits)}
        if self.ignore_merges:
            section["ignoreMerges"] = True
        if self.unknown is not None:
            section["unknownId"] = self.unknown
        if self.characters:
            section["characters"] = dict(self.characters)
        return section
