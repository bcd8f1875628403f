"""The ids of the built-in models' tokens, and the sequences that they form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

NO_TARGET = -100  # cross_entropy ignores it


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """For a model with `codes` image codes:

    | ids | meaning |
    |---|---|
    | 0, 1, 2, 3 | `<s>`, `<pad>`, `</s>`, `<unk>` |
    | 4 .. 3 + codes | image codes |
    | the next four | image end, image start, row end, end of turn |
    | all others | text: the 256 bytes of GPT-2's byte alphabet, then merges in their order |
    """

    codes: int
    begin: int = 0
    pad: int = 1
    first_code: int = 4

    @property
    def image_end(self) -> int:
        return self.first_code + self.codes

    @property
    def image_start(self) -> int:
        return self.image_end + 1

    @property
    def row_end(self) -> int:
        return self.image_end + 2

    @property
    def turn_end(self) -> int:
        return self.image_end + 3

    @property
    def first_text(self) -> int:
        return self.image_end + 4

    @property
    def code_columns(self) -> slice:
        """The logits of image codes among those of all ids."""
        return slice(self.first_code, self.first_code + self.codes)

    def prompt(self, text: Sequence[int]) -> list[int]:
        """The ids before a picture; without text, the unconditional prompt."""
        return [self.begin, *text, self.turn_end, self.image_start]

    def picture(self, codes: np.ndarray) -> np.ndarray:
        """The ids of a picture's codes [rows, columns]: every row is followed by a row end, and the last row end by the image end."""
        rows = np.concatenate([codes + self.first_code, np.full((len(codes), 1), self.row_end)], axis=1)
        return np.append(rows.ravel(), self.image_end)

    def sequences(self, prompts: Sequence[Sequence[int]], pictures: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Inputs and targets, int64 [pictures, T], of prompts and the codes after them. Targets are codes; all others are NO_TARGET."""
        rows = [[*prompt, *self.picture(codes)] for prompt, codes in zip(prompts, pictures)]
        length = max(map(len, rows))
        ids = torch.tensor([row + [self.pad] * (length - len(row)) for row in rows])
        targets = ids[:, 1:] - self.first_code
        return ids[:, :-1], torch.where((targets >= 0) & (targets < self.codes), targets, NO_TARGET)
