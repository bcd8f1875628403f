"""tiktoken's files, which have a token in base64 and its rank on each line."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import contract
from ..errors import ExportError
from .specials import split_specials
from .splits import QWEN2, Split, from_regex, write_splits


@dataclasses.dataclass(frozen=True)
class Tiktoken:
    """A token's rank is its id. Of all neighbors, those merge first whose joined bytes have the lowest rank."""

    ranks: Mapping[bytes, int]
    specials: Mapping[str, int]  # tokens that text never becomes
    splits: Sequence[Split]
    normalizers: Sequence[str] = ()

    @property
    def size(self) -> int:
        return len(self.ranks) + len(self.specials)

    def id(self, token: str) -> int | None:
        return self.specials.get(token, self.ranks.get(token.encode()))

    def split_specials(self, template: str) -> list[int | str]:
        return split_specials(template, self.specials)

    def write(self, folder: Path) -> dict[str, Any]:
        lines = (f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in sorted(self.ranks.items(), key=lambda each: each[1]))
        (folder / contract.TOKENIZER_RANKS).write_bytes("".join(lines).encode())
        return {
            "kind": "tiktoken", "vocabulary": contract.TOKENIZER_RANKS, "normalizers": list(self.normalizers), **write_splits(self.splits),
        }


def read_tiktoken(path: Path, special_tokens: Sequence[str] = (), pattern: str = QWEN2, normalize: bool = True) -> Tiktoken:
    """Reads a vocabulary. Its special tokens get the ids after the last rank. With `normalize`, text is normalized to NFC.

    Raises ExportError if the file is not one of tiktoken's.
    """
    try:
        lines = [line.split() for line in path.read_bytes().splitlines() if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's tiktoken file next to its weights.") from None
    except ValueError:
        raise ExportError(f"{path} is not a file of tiktoken; expected a token in base64 and its rank on each line.") from None
    bytes_known = sum(len(token) == 1 for token in ranks)
    if bytes_known != 256:
        raise ExportError(f"{path} has tokens for {bytes_known} of the 256 bytes; expected all: download it again.")
    if sorted(ranks.values()) != list(range(len(ranks))):
        found = f"{min(ranks.values())} to {max(ranks.values())}"
        raise ExportError(
            f"{path} has {len(ranks)} tokens with ranks from {found}; expected each rank from 0 to {len(ranks) - 1} once: download it "
            "again."
        )
    specials = {token: len(ranks) + i for i, token in enumerate(special_tokens)}
    return Tiktoken(ranks, specials, [from_regex(pattern)], ["nfc"] if normalize else [])


def emu3_special_tokens(path: Path) -> list[str]:
    """The special tokens of Emu3 in order, ending with those in emu3_vision_tokens.txt. Raises ExportError if that file is missing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's emu3_vision_tokens.txt next to its weights.") from None
    extra = [f"<|extra_{i}|>" for i in range(205)]
    return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *extra, *(token for line in lines if (token := line.strip()))]
