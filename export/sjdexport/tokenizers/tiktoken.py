"""Files of tiktoken: a token in base64 and its rank on each line."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from ..errors import ExportError
from .bytes_bpe import BytesBpe, unmerged
from .normalisation import compose
from .splits import QWEN2, from_regex


def read_tiktoken(path: Path, special_tokens: Sequence[str] = (), pattern: str = QWEN2, normalise: bool = True) -> BytesBpe:
    """A vocabulary whose special tokens have the ids after its last rank; text is normalised to NFC unless told otherwise.

    A token's rank is its id and its order among merges: of two neighbours, those merge first whose bytes together have the lowest
    rank. Raises ExportError if the file is none of tiktoken's.
    """
    try:
        lines = [line.split() for line in path.read_bytes().splitlines() if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's tiktoken file beside its weights.") from None
    except ValueError:
        raise ExportError(f"{path} is not a file of tiktoken: each line must be a token in base64 and its rank.") from None
    byte_ids = {token[0]: rank for token, rank in ranks.items() if len(token) == 1}
    if len(byte_ids) != 256:
        raise ExportError(f"{path} has tokens for {len(byte_ids)} of the 256 bytes; tiktoken needs them all.")
    if sorted(ranks.values()) != list(range(len(ranks))):
        found = f"{min(ranks.values())} to {max(ranks.values())}"
        raise ExportError(f"{path} has {len(ranks)} tokens with ranks from {found}; expected each from 0 to {len(ranks) - 1} once.")

    results = sorted(rank for token, rank in ranks.items() if len(token) > 1)
    order = {rank: i for i, rank in enumerate(results)}
    merges = {
        (ranks[token[:i]], ranks[token[i:]]): order[rank]
        for token, rank in ranks.items() for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks
    }
    wholes = {token: ranks[token] for token in unmerged(ranks, byte_ids, merges, results)}
    specials = {token: len(ranks) + i for i, token in enumerate(special_tokens)}
    names = {token.decode("utf-8", "backslashreplace"): rank for token, rank in ranks.items()}
    return BytesBpe(byte_ids, merges, results, wholes, specials, {**names, **specials}, [from_regex(pattern)], [compose] if normalise else [])


def emu3_special_tokens(path: Path) -> list[str]:
    """The special tokens of Emu3 in order, those of its emu3_vision_tokens.txt at the end. Raises ExportError if it is missing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's emu3_vision_tokens.txt beside its weights.") from None
    extra = [f"<|extra_{i}|>" for i in range(205)]
    return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *extra, *(token for line in lines if (token := line.strip()))]
