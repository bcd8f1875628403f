"""SentencePiece's unigram models (spiece.model)."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import contract
from ..errors import ExportError
from .specials import split_specials

# Numbers of the fields of ModelProto, SentencePiece, TrainerSpec and NormalizerSpec, and values of some of them.
PIECES, TRAINER, NORMALIZER = 1, 2, 3
PIECE, TYPE = 1, 3
MODEL_TYPE, UNIGRAM, BPE = 3, 1, 2
BYTE_FALLBACK = 35
CHARSMAP = 2
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
VARINT, LENGTH = 0, 2
WIDTHS = {1: 8, 5: 4}  # of fields of fixed size


@dataclasses.dataclass(frozen=True)
class SentencePiece:
    model: bytes
    names: Mapping[str, int]
    specials: Mapping[str, int]
    deleted: str  # the characters that the model's normalization deletes

    @property
    def size(self) -> int:
        return len(self.names)

    def id(self, token: str) -> int | None:
        return self.names.get(token)

    def split_specials(self, template: str) -> list[int | str]:
        return split_specials(template, self.specials)

    def write(self, folder: Path) -> dict[str, Any]:
        (folder / contract.TOKENIZER_UNIGRAM).write_bytes(self.model)
        return {"kind": "unigram", "vocabulary": contract.TOKENIZER_UNIGRAM, "deleted": self.deleted}


@dataclasses.dataclass(frozen=True)
class SentencePieceBpe:
    """Llama's tokenizer: SentencePiece's BPE, with pieces for the bytes of unknown characters."""

    model: bytes
    names: Mapping[str, int]

    @property
    def size(self) -> int:
        return len(self.names)

    def id(self, token: str) -> int | None:
        return self.names.get(token)

    def split_specials(self, template: str) -> list[int | str]:
        return [template]  # control tokens have no text

    def write(self, folder: Path) -> dict[str, Any]:
        (folder / contract.TOKENIZER_UNIGRAM).write_bytes(self.model)
        return {"kind": "sentencepiece", "vocabulary": contract.TOKENIZER_UNIGRAM}


def read_sentencepiece_bpe(path: Path) -> SentencePieceBpe:
    """Reads Llama's tokenizer.model. Raises ExportError if the file is something else."""
    try:
        fields = list(_fields(model := path.read_bytes()))
        trainer = dict(_fields(next(value for field, value in fields if field == TRAINER)))
        pieces = [dict(_fields(value))[PIECE].decode() for field, value in fields if field == PIECES]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration):
        raise ExportError(f"{path} is not a model of SentencePiece: download it again.") from None
    if trainer.get(MODEL_TYPE, UNIGRAM) != BPE:
        raise ExportError(f"{path} has a SentencePiece model of type {trainer.get(MODEL_TYPE, UNIGRAM)}; expected BPE (type {BPE}).")
    return SentencePieceBpe(model, {piece: id for id, piece in enumerate(pieces)})


def read_sentencepiece(path: Path) -> SentencePiece:
    """Reads a unigram model. Raises ExportError if the file is something else, or has pieces that the engine does not support: pieces for
    bytes, and user-defined pieces, which could be structural tokens that text becomes."""
    try:
        model = path.read_bytes()
        fields = list(_fields(model))
        pieces = [dict(_fields(value)) for field, value in fields if field == PIECES]
        trainer, normalizer = (
            dict(_fields(next((value for field, value in fields if field == wanted), b""))) for wanted in (TRAINER, NORMALIZER))
        names = [piece[PIECE].decode() for piece in pieces]
        if not names or TRAINER not in dict(fields):
            raise ValueError
        deleted = _deleted(normalizer.get(CHARSMAP, b""))
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the text encoder's spiece.model next to its weights.") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error):
        raise ExportError(f"{path} is not a model of SentencePiece: download it again.") from None
    if trainer.get(MODEL_TYPE, UNIGRAM) != UNIGRAM:
        raise ExportError(f"{path} has a SentencePiece model of type {trainer[MODEL_TYPE]}; expected a unigram model (type {UNIGRAM}).")
    kinds = [piece.get(TYPE, NORMAL) for piece in pieces]
    if trainer.get(BYTE_FALLBACK) or BYTE in kinds:
        raise ExportError(f"{path} has pieces for the bytes of unknown characters (byte_fallback); expected a model without them.")
    for name, kind in zip(names, kinds):
        if kind == USER_DEFINED:
            raise ExportError(f"{path} has the user-defined piece {name}, which text could become; expected a model without such pieces.")
    for text in deleted:
        if len(text) > 1 or ord(text) > 0xFFFF:
            raise ExportError(f"{path} deletes {ascii(text)} in its normalization; expected only single characters up to U+FFFF.")
    ids = {name: id for id, name in enumerate(names)}
    return SentencePiece(model, ids, {name: ids[name] for name, kind in zip(names, kinds) if kind in (UNKNOWN, CONTROL)}, "".join(deleted))


def _deleted(charsmap: bytes) -> list[str]:
    """The texts that a precompiled charsmap replaces with nothing.

    The charsmap has the length of a double-array trie (Darts-clone), the trie over the UTF-8 bytes of the texts to replace, and the
    replacements. Each replacement ends with a zero byte, and the trie's leaves point to them.
    """
    if not charsmap:
        return []
    (length,) = struct.unpack_from("<I", charsmap)
    units, texts = np.frombuffer(charsmap[4 : 4 + length], "<u4"), charsmap[4 + length :]
    found, open_nodes, labels = [], [(b"", int(_offset(units[0])))], np.arange(1, 256)
    while open_nodes:
        key, base = open_nodes.pop()
        places = base ^ labels
        places, own = places[places < len(units)], labels[places < len(units)]
        for place, label in zip(places[units[places] & 0x800000FF == own], own[units[places] & 0x800000FF == own]):
            unit = units[place]
            child, text = int(place) ^ int(_offset(unit)), key + bytes([label])
            if unit >> 8 & 1 and texts[int(units[child] & 0x7FFFFFFF)] == 0:
                found.append(text.decode())
            open_nodes.append((text, child))
    return sorted(found)


def _offset(unit: np.uint32) -> np.uint32:
    return (unit >> 10) << ((unit & 0x200) >> 6)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields. Values of fixed size are returned as bytes."""
    i = 0
    while i < len(message):
        tag, i = _varint(message, i)
        wire = tag & 7
        if wire == VARINT:
            value, i = _varint(message, i)
            yield tag >> 3, value
            continue
        length, i = (WIDTHS[wire], i) if wire != LENGTH else _varint(message, i)
        if i + length > len(message):
            raise ValueError
        yield tag >> 3, message[i : i + length]
        i += length


def _varint(message: bytes, i: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[i]
        value |= (byte & 0x7F) << shift
        i, shift = i + 1, shift + 7
        if byte < 0x80:
            return value, i
