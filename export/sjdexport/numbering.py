"""Counts the numbered parts of a checkpoint, such as layers, by their names."""

from __future__ import annotations

from collections.abc import Iterable


def count(names: Iterable[str], start: str) -> int:
    """One more than the largest number after `start`, as in `start`7.weight; 0 if there is none.

    If a number in between is missing, reading that part fails with its name, instead of ending there unnoticed.
    """
    numbers = (name[len(start) :].split(".", 1)[0] for name in names if name.startswith(start))
    return max((int(number) + 1 for number in numbers if number.isdigit()), default=0)
