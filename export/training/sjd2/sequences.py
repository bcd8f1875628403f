"""The sequences of ids that a model is fine-tuned on: from a file or, for the built-in model, drawn during training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from sjdexport.checkpoint import Checkpoint
from sjdexport.errors import ExportError
from sjdexport.safetensors import read_header

from ..noto_emoji.autoencoder import Autoencoder
from ..noto_emoji.scenes import random_scene
from ..noto_emoji.tokens import VOCABULARY, train_tokenizer
from ..noto_emoji.train_transformer import batch
from ..vocabulary import NO_TARGET

IDS = "ids"
HELD_OUT = 48  # sequences to evaluate on, at most
BLOCK = 1 << 24  # ids that are checked at a time


@dataclasses.dataclass(frozen=True)
class Batch:
    """Three tensors [N, T]. Padding has the id 0 and no target after it, so no loss depends on it."""

    ids: Tensor
    is_code: Tensor  # whether the id is an image code
    targets: Tensor  # the next token's code, or NO_TARGET if it is no code

    def to(self, device: torch.device) -> Batch:
        return Batch(self.ids.to(device), self.is_code.to(device), self.targets.to(device))

    def split(self, size: int) -> Iterator[Batch]:
        parts = (part.split(size) for part in (self.ids, self.is_code, self.targets))
        return (Batch(*each) for each in zip(*parts))


class Sequences(Protocol):
    def held_out(self) -> Batch: ...

    def batch(self, random: np.random.Generator, size: int) -> Batch: ...


class TokenFile:
    """A safetensors file with `ids`, int32 [N, T]: one sequence in each row, padded with negative numbers.

    The last 5 % of the rows are held out.
    """

    def __init__(self, path: Path, codes: range, vocabulary: int, positions: int) -> None:
        """`codes` are the ids of image codes, `positions` is the longest sequence that the model reads.

        Raises ExportError if the file has another form or does not fit the model.
        """
        header = read_header(path)
        if IDS not in header:
            raise ExportError(
                f"{path} has no tensor {IDS} (it has {', '.join(sorted(header)) or 'none'}): expected {IDS}, I32 [sequences, tokens].")
        tensor = header[IDS]
        if tensor.dtype != "I32" or len(tensor.shape) != 2 or tensor.shape[0] < 2 or tensor.shape[1] < 2:
            raise ExportError(f"{path}: {IDS} is {tensor.dtype} {list(tensor.shape)}; expected I32 [sequences, tokens], 2 or more of both.")
        self._rows, self._codes = tensor.raw(), codes
        rows = max(1, BLOCK // tensor.shape[1])
        for first in range(0, len(self._rows), rows):
            _check(path, self._rows[first : first + rows], first, codes, vocabulary, positions)
        self._trained = len(self._rows) - max(1, len(self._rows) // 20)

    def held_out(self) -> Batch:
        return self._batch(self._rows[self._trained :][:HELD_OUT])

    def batch(self, random: np.random.Generator, size: int) -> Batch:
        return self._batch(self._rows[np.sort(random.integers(0, self._trained, size))])

    def _batch(self, rows: np.ndarray) -> Batch:
        ids = torch.from_numpy(rows.astype(np.int64))[:, : int((rows >= 0).sum(axis=1).max())]
        is_code, codes = (ids >= self._codes.start) & (ids < self._codes.stop), ids - self._codes.start
        return Batch(ids[:, :-1].clamp(min=0), is_code[:, :-1], codes.masked_fill(~is_code, NO_TARGET)[:, 1:])


def _check(path: Path, rows: np.ndarray, first: int, codes: range, vocabulary: int, positions: int) -> None:
    if (largest := int(rows.max())) >= vocabulary:
        raise ExportError(
            f"{path}: {IDS} has {largest}, and the model's vocabulary ends at {vocabulary - 1}: these are ids of another model.")
    padding = rows < 0
    for wrong, what in (
        (padding[:, :-1] & ~padding[:, 1:], "has an id after a negative one; negative ids are padding and must come last"),
        (~((rows[:, 1:] >= codes.start) & (rows[:, 1:] < codes.stop)).any(axis=1)[:, None],
         f"has no image codes to predict; image codes are the ids {codes.start} to {codes.stop - 1}"),
        ((~padding).sum(axis=1)[:, None] > positions, f"is longer than {positions} tokens, the most that the model reads"),
    ):
        if (rows_of := wrong.any(axis=1)).any():
            raise ExportError(f"{path}: sequence {first + int(rows_of.argmax())} of {IDS} {what}.")


def image_tokenizer(checkpoint: Checkpoint) -> Autoencoder:
    """The built-in model's image tokenizer, from the checkpoint in its folder."""
    images = Autoencoder().eval()
    state = images.state_dict()
    for name, values in state.items():
        if values.is_floating_point():
            state[name] = torch.from_numpy(checkpoint.tensor(f"model.vqmodel.{name}", *values.shape).float32())
    images.load_state_dict(state)
    return images


class Scenes:
    """The built-in model's scenes: new captions and pictures in every batch, encoded by the image encoder in the model's checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._text, self._images = train_tokenizer(), image_tokenizer(checkpoint)
        self._codes = VOCABULARY.code_columns

    def held_out(self) -> Batch:
        return self._batch(np.random.default_rng(0), HELD_OUT, held_out=True)

    def batch(self, random: np.random.Generator, size: int) -> Batch:
        return self._batch(random, size, held_out=False)

    def _batch(self, random: np.random.Generator, size: int, held_out: bool) -> Batch:
        ids, targets = batch([random_scene(random, held_out) for _ in range(size)], random, self._text, self._images)
        return Batch(ids, (ids >= self._codes.start) & (ids < self._codes.stop), targets)
