r"""Translates the regular expressions that cut text into pieces from tokenizer.json (Oniguruma's syntax) to .NET.

Only constructs with the same meaning in both are accepted: categories, `\s` (Unicode's White_Space), lookahead, and alternatives of which
the leftmost match counts. .NET's expressions see UTF-16, so the engine first replaces characters past U+FFFF by characters below. They have
the same category (BY_CATEGORY; the engine has the same table in IsolatedSplits.cs). Characters that a class of an expression names are
replaced by one that is in the same classes (a stand-in).
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ExportError

CATEGORIES = {*"LMNPSZC", *"Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()}
BY_CATEGORY = {
    "Lu": 0xA790, "Ll": 0xA791, "Lm": 0x02B0, "Lo": 0x05D0, "Mn": 0x0300, "Mc": 0xA823, "Me": 0x0488, "Nd": 0x0660, "Nl": 0xA6E6,
    "No": 0x00B2, "Pd": 0x058A, "Ps": 0xFD3F, "Pe": 0xFD3E, "Po": 0x00A1, "Sm": 0x00AC, "Sc": 0x00A2, "Sk": 0x00A8, "So": 0x00A6,
    "Cf": 0x00AD, "Co": 0xE000, "Cn": 0x0378,
}
LAST_BMP = 0xFFFF
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

Range = tuple[int, int]


class UnknownPattern(Exception):
    """A pattern that cannot be translated. The message names the construct."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Each match of `pattern` becomes a piece, and so does the text between two matches."""

    pattern: str  # in .NET's syntax, without characters past U+FFFF
    named: tuple[tuple[Range, ...], ...] = ()  # the characters in each class or literal


def write_splits(splits: Sequence[Split]) -> dict[str, Any]:
    """The fields of model.json's section `tokenizer`.

    Raises ExportError if the expressions distinguish characters that have the same stand-in.
    """
    try:
        stand_ins = _stand_ins(splits)
    except UnknownPattern as problem:
        raise ExportError(
            f"the tokenizer splits text with expressions that cannot be exported together, because they have {problem}.") from None
    fields: dict[str, Any] = {"splits": [split.pattern for split in splits]}
    return fields | ({"standIns": stand_ins} if stand_ins else {})


def literal(text: str) -> str:
    """A pattern that matches exactly this text."""
    return re.sub(r"[^\w\s]", lambda m: "\\" + m[0] if m[0].isascii() else m[0], text)


def from_regex(pattern: str, before: Sequence[Split] = ()) -> Split:
    """The split for a pattern in Oniguruma's syntax. Raises UnknownPattern."""
    if "$" in _without_classes(pattern):
        # Oniguruma's $ matches before any new-line, .NET's only before the last one and at the end. They agree if new-lines are separate
        # pieces.
        if not pattern.endswith(r"\s+$") or not any(split.pattern == r"[\r\n]" for split in before):
            raise UnknownPattern("$ while new-lines are not separate pieces")
    split = _translate(pattern)
    try:
        empty = re.fullmatch(re.sub(r"\\p\{\w+\}", "a", split.pattern), "")
    except re.error as error:
        raise UnknownPattern(f"{error}") from None
    if empty:
        raise UnknownPattern("an empty match")
    return split


_CATEGORY = r"\\p\{(?P<category>\w+)\}"
_ESCAPE = r"(?P<escape>\\(?:[nrtfvsdS]|[!-/:-@\[-`{-~]))"
_OUTSIDE = re.compile(rf"""
    {_CATEGORY} | {_ESCAPE} | (?P<ahead>\(\?![^()|]*\)) | (?P<folded>\(\?i:(?P<words>[^()\[\]{{}}\\?*+.^$]*)\)) | (?P<group>\(\?:|\((?!\?))
  | (?P<open>\[\^?) | (?P<repeat>(?:[?*+]|\{{\d+(?:,\d*)?\}})(?![?*+{{])) | (?P<end>\$\Z) | (?P<other>[^\\\[\](){{}}?*+^$.])
  | (?P<close>\))""", re.VERBOSE)
_END = r"(?:\\[nrtfv!-/:-@\[-`{-~]|[^\\\[\]&])"
_INSIDE = re.compile(rf"""
    {_CATEGORY} | (?P<range>(?P<first>{_END})-(?P<last>{_END})) | {_ESCAPE} | (?P<close>\]) | (?P<other>(?!&&)[^\\\[\]])""", re.VERBOSE)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_ALIKE = {"s": "ſ", "k": "\u212a"}  # characters beyond ASCII that case folding maps to these


def _without_classes(pattern: str) -> str:
    return re.sub(r"\\.|\[\^?(?:\\.|[^\]\\])*\]", "", pattern)


def _translate(pattern: str) -> Split:
    out: list[str] = []
    named: list[list[Range]] = []
    i, inside = 0, False
    while i < len(pattern):
        match = (_INSIDE if inside else _OUTSIDE).match(pattern, i)
        if not match or match["category"] and match["category"] not in CATEGORIES or inside and match[0] == r"\S":
            raise UnknownPattern(f"{pattern[i:i + 12]!r}")
        kind, i = match.lastgroup, match.end()
        if kind == "folded":
            words = match["words"]
            named += [[(ord(c), ord(c))] for word in words for c in _cases(word)]
            out.append("(?:" + "".join(f"[{_cases(c)}]" if c.isalpha() else c for c in words) + ")")
        elif kind == "ahead":
            if match[0] != r"(?!\S)":
                raise UnknownPattern(f"{match[0]!r}")
            out.append(match[0])
        elif kind == "open":
            inside = True
            named.append([])
            out.append(match[0])
        elif inside and kind in ("range", "other", "escape"):
            first, last = _bounds(match)
            if first is None:
                out.append(match[0])
                continue
            named[-1].append((first, last))
            out.append(match[0] if last <= LAST_BMP else _in_class(first, LAST_BMP) if first <= LAST_BMP else "")
        else:
            inside = inside and kind != "close"
            if not inside and kind in ("other", "escape"):
                first, last = _bounds(match)
                if first is not None:
                    if last > LAST_BMP:
                        raise UnknownPattern("a character past U+FFFF outside a class")
                    named.append([(first, last)])
            out.append(match[0])
    if inside:
        raise UnknownPattern("a class without its end")
    text = "".join(out)
    if re.search(r"(?<!\\)\[\^?\]", text):
        raise UnknownPattern("a class with only characters past U+FFFF")
    return Split(text, tuple(map(tuple, named)))


def _cases(character: str) -> str:
    """All characters that match this one when case is ignored."""
    if not character.isalpha():
        return character
    if not character.isascii():
        raise UnknownPattern(f"{character!r} in any case")
    return character.lower() + character.upper() + _ALIKE.get(character.lower(), "")


def _bounds(match: re.Match[str]) -> tuple[int, int] | tuple[None, None]:
    """First and last of the characters in a part of a pattern; None twice for a category."""
    groups = match.groupdict()
    if groups.get("range"):
        return _code(groups["first"]), _code(groups["last"])
    return (None, None) if match[0] in (r"\s", r"\S", r"\d") else (_code(match[0]),) * 2


def _code(character: str) -> int:
    """The code point of a character, which may be escaped."""
    return ord(_CONTROL.get(character[-1], character[-1]) if len(character) > 1 else character)


def _in_class(first: int, last: int) -> str:
    return f"\\u{first:04x}-\\u{last:04x}"


def _stand_ins(splits: Sequence[Split]) -> list[list[int]]:
    """[first, last, stand-in] for all characters past U+FFFF that are in classes of the expressions."""
    classes = [ranges for split in splits for ranges in split.named]

    def classes_of(code: int) -> tuple[bool, ...]:
        return tuple(any(first <= code <= last for first, last in ranges) for ranges in classes)

    for category, code in BY_CATEGORY.items():
        if any(classes_of(code)):
            raise UnknownPattern(f"the character U+{code:04X}, which represents the category {category} past U+FFFF")
    stand_ins: dict[tuple[str, tuple[bool, ...]], int] = {}
    past = sorted({(max(first, LAST_BMP + 1), last) for ranges in classes for first, last in ranges if last > LAST_BMP})
    found: list[list[int]] = []
    for code in sorted({code for first, last in past for code in range(first, last + 1)}):
        key = (unicodedata.category(chr(code)), classes_of(code))
        if key not in stand_ins:
            stand_ins[key] = _stand_in(*key, classes_of)
        stand_in = stand_ins[key]
        if found and found[-1][1] == code - 1 and found[-1][2] == stand_in:
            found[-1][1] = code
        else:
            found.append([code, code, stand_in])
    return found


def _stand_in(category: str, wanted: tuple[bool, ...], classes_of: Callable[[int], tuple[bool, ...]]) -> int:
    for code in range(0xA0, LAST_BMP + 1):
        if unicodedata.category(chr(code)) == category and classes_of(code) == wanted:
            return code
    raise UnknownPattern(f"characters of the category {category} past U+FFFF in a class without such characters below")
