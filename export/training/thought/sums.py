"""Questions such as 3+5*2-4: two to four steps of arithmetic modulo 7, from left to right, with their chains and answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

MODULUS = 7
FEWEST, MOST = 2, 4  # steps
SIGNS = "+-*"


@dataclasses.dataclass(frozen=True)
class Sum:
    """`steps` are the results so far, with a space before each; the last one is the answer."""

    question: str
    steps: tuple[str, ...]
    answer: str


def sums(random: np.random.Generator, count: int, steps: int) -> list[Sum]:
    """Random questions with this number of steps. No factor is 0, which would make all before it irrelevant."""
    signs = random.integers(len(SIGNS), size=(count, steps))
    numbers = random.integers(MODULUS, size=(count, steps + 1))
    numbers[:, 1:][signs == SIGNS.index("*")] = random.integers(1, MODULUS, size=(signs == SIGNS.index("*")).sum())
    return [worked(values, [SIGNS[sign] for sign in row]) for values, row in zip(numbers.tolist(), signs)]


def worked(numbers: Sequence[int], signs: Sequence[str]) -> Sum:
    """The question with these numbers and signs, worked out."""
    question, value, steps = str(numbers[0]), numbers[0], []
    for sign, number in zip(signs, numbers[1:]):
        value = {"+": value + number, "-": value - number, "*": value * number}[sign] % MODULUS
        question += f"{sign}{number}"
        steps.append(f" {value}")
    return Sum(question, tuple(steps), str(value))


def evaluation_questions(count: int) -> list[Sum]:
    """Questions of all lengths alike, the same each time. Training draws its own, so short ones occur there too."""
    random = np.random.default_rng(2506_18582)
    lengths = range(FEWEST, MOST + 1)
    return [each for steps in lengths for each in sums(random, count // len(lengths), steps)]
