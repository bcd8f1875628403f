"""How many parts of a kind a checkpoint has, told by its names."""

from __future__ import annotations

from collections.abc import Iterable


def count(names: Iterable[str], start: str) -> int:
    """One more than the largest number that follows `start`, as in `start`7.weight; 0 if none does.

    A part that is left out in between is then missed by name when it is read, and not taken for the end.
    """
    numbers = (name[len(start) :].split(".", 1)[0] for name in names if name.startswith(start))
    return max((int(number) + 1 for number in numbers if number.isdigit()), default=0)
