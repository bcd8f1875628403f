"""What fields of model.json's sections may be. Beyond this the engine checks how they belong together."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

from .errors import ExportError

LARGEST = 2**31 - 1  # whole number that the engine reads

@dataclasses.dataclass(frozen=True)
class Value:
    expected: str
    holds: Callable[[Any], bool]

    def check(self, where: str, value: object) -> None:
        """Raises ExportError where the value is something else."""
        if not self.holds(value):
            raise ExportError(f"{where} is {json.dumps(value, ensure_ascii=False)}; expected {self.expected}.")


def one_of(*choices: object) -> Value:
    return Value(" or ".join(json.dumps(choice) for choice in choices), lambda value: value in choices)


def _whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list(value: object, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(holds, value))


# A part of a prompt, by its fields.
PART_FIELDS: list[dict[str, Callable[[Any], bool]]] = [
    {"text": lambda value: isinstance(value, str)},
    {"from": _whole, "plus": lambda value: value in ("rows", "columns"), "per": lambda value: _whole(value, 1)},
    {"fill": _whole},
    {"class": _whole, "of": lambda value: _whole(value, 1)},
    {"encoded": lambda value: value in ("prompt", "nothing")},
]


def _part(value: object) -> bool:
    if not isinstance(value, dict):
        return _whole(value)
    return any(value.keys() == fields.keys() and all(holds(value[name]) for name, holds in fields.items()) for fields in PART_FIELDS)


def _falls(values: list[float]) -> bool:
    return values[0:1] == [1] and values[-1] == 0 and _rises(values[::-1])


def _rises(values: list[float]) -> bool:
    return len(values) >= 2 and all(before < after for before, after in itertools.pairwise(values))


TEXT = Value("text", lambda value: isinstance(value, str) and value != "")
TEXT_OR_NULL = Value("text or null", lambda value: value is None or isinstance(value, str))
FLAG = Value("true or false", lambda value: isinstance(value, bool))
ID = Value("a whole number, 0 or more", _whole)
POSITIVE = Value("a whole number, 1 or more", lambda value: _whole(value, 1))
SEVERAL = Value("a whole number, 2 or more", lambda value: _whole(value, 2))
IDS = Value("a list of token ids", lambda value: _list(value, _whole))
AMOUNT = Value("a number, 0 or more", lambda value: _number(value) and value >= 0)
SHARE = Value("a number above 0 and at most 1", lambda value: _number(value) and 0 < value <= 1)
WINDOW = Value('"auto" or a whole number of drafts', lambda value: value == "auto" or _whole(value))
SIZES = Value("a list of [width, height] in pixels",
              lambda value: value != [] and _list(value, lambda size: _list(size, lambda side: _whole(side, 1)) and len(size) == 2))
SEQUENTIAL = Value('{"first": n, "last": n} in codes',
                   lambda value: isinstance(value, dict) and value.keys() == {"first", "last"} and all(map(_whole, value.values())))
FALLING = Value("a list of 2 numbers or more that fall from 1 to 0", lambda value: _list(value, _number) and _falls(value))
RISING = Value("a list of 2 numbers or more that rise from 0", lambda value: _list(value, _number) and value[:1] == [0] and _rises(value))
PARTS = Value(
    'a list of token ids and of {"text"}, {"from", "plus", "per"}, {"fill"}, {"class", "of"} and {"encoded"} as docs/model-folder.md has them',
    lambda value: value != [] and _list(value, _part))
