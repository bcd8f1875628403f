"""spiece.model of SentencePiece, for the op that holds SentencePiece's own code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from .. import contract
from ..errors import ExportError
from ..graph import INT64, STRING, Graph
from .specials import split_specials
from .splits import EXTENSIONS

# Fields of ModelProto, its SentencePiece and its TrainerSpec, and their values.
PIECES, TRAINER = 1, 2
PIECE, TYPE = 1, 3
MODEL_TYPE, UNIGRAM = 3, 1
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
VARINT, LENGTH = 0, 2
WIDTHS = {1: 8, 5: 4}  # of fields of fixed size


@dataclasses.dataclass(frozen=True)
class SentencePiece:
    model: bytes
    names: Mapping[str, int]
    specials: Mapping[str, int]

    @property
    def size(self) -> int:
        return len(self.names)

    def id(self, token: str) -> int | None:
        return self.names.get(token)

    def split_specials(self, template: str) -> list[int | str]:
        return split_specials(template, self.specials)

    def build(self, graph: Graph) -> None:
        text = graph.input(contract.TEXT, STRING, [1])
        best, smoothing, no = (graph.constant(np.array([value])) for value in (np.int64(0), np.float32(0), False))
        ids, _ = graph.nodes("SentencepieceTokenizer", ["pieces", "rows"], [text, best, smoothing, no, no, no], EXTENSIONS, model=self.model)
        ids = graph.node("Cast", "pieces.int64", [ids], to=INT64)
        graph.node("Unsqueeze", contract.IDS, [ids, graph.constant(np.array([0]))])
        graph.output(contract.IDS, INT64, [1, "n"])


def read_sentencepiece(path: Path) -> SentencePiece:
    """Raises ExportError if the file is no unigram model, or has user-defined pieces: those could be structural and text could spell them."""
    try:
        model = path.read_bytes()
        fields = list(_fields(model))
        pieces = [dict(_fields(value)) for field, value in fields if field == PIECES]
        trainer = dict(_fields(next(value for field, value in fields if field == TRAINER)))
        names = [piece[PIECE].decode() for piece in pieces]
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the text encoder's spiece.model beside its weights.") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration):
        raise ExportError(f"{path} is not a model of SentencePiece.") from None
    if trainer.get(MODEL_TYPE, UNIGRAM) != UNIGRAM:
        raise ExportError(f"{path} holds a SentencePiece model of type {trainer[MODEL_TYPE]}; only unigram models (type {UNIGRAM}) can be exported.")
    kinds = [piece.get(TYPE, NORMAL) for piece in pieces]
    for name, kind in zip(names, kinds):
        if kind == USER_DEFINED:
            raise ExportError(f"{path} has the user-defined piece {name}, which text could spell; only models without such pieces can be exported.")
    ids = {name: id for id, name in enumerate(names)}
    return SentencePiece(model, ids, {name: ids[name] for name, kind in zip(names, kinds) if kind in (UNKNOWN, CONTROL)})


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields; those of fixed size as bytes."""
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
