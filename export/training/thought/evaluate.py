"""The share of questions that a model answers right, by the number of steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from .model import Gpt2
from .recipe import FULL, answer
from .sums import Sum
from .tokens import Tokenizer

ANSWER, CHAIN = 3, 32  # tokens decoded at most


def accuracy(model: Gpt2, tokenizer: Tokenizer, questions: Sequence[Sum], variant: str) -> dict[int, float]:
    """The share of right answers by the number of steps. `questions` are in the order of that number."""
    found = {}
    for steps, group in itertools.groupby(questions, key=lambda each: len(each.steps)):
        group = list(group)
        ids = torch.tensor([tokenizer.encode(each.question) for each in group])
        answers = answer(model, tokenizer, ids, variant, CHAIN if variant == FULL else ANSWER)
        right = [after_prompt(row, tokenizer) if variant == FULL else row for row in answers]
        found[steps] = float(np.mean([row == tokenizer.encode(each.answer) for row, each in zip(right, group)]))
    return found


def after_prompt(ids: Sequence[int], tokenizer: Tokenizer) -> list[int]:
    """What follows the first answer prompt; nothing if there is none."""
    prompt = tokenizer.answer_prompt
    starts = [start for start in range(len(ids)) if list(ids[start : start + len(prompt)]) == prompt]
    return list(ids[starts[0] + len(prompt) :]) if starts else []
