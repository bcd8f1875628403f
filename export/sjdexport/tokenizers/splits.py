r"""What cuts text into pieces before byte pairs are merged: regular expressions of tokenizer.json, for ONNX Runtime Extensions' RE2.

RE2 knows neither `\s` beyond ASCII nor what lies ahead of a match. Patterns are translated; a construct whose meaning could differ is refused.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

import numpy as np

from ..graph import Graph

EXTENSIONS = "ai.onnx.contrib"
# Unicode's White_Space, as members of a class. Z is spaces and the separators of lines and paragraphs.
SPACES = r"\t-\r\x{85}\p{Z}"
CATEGORIES = {*"LMNPSZC", *"Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()}

# A byte that no UTF-8 text holds and so no class of RE2 matches: what it parts stays parted.
SEPARATOR = b"\xff"
LAST_SPACE_APART = r"\s+(?!\S)|\s+"
_CONTRACTIONS = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")
_NUMBERS = (r"\p{N}", r"\p{N}{1,3}", r"\p{N}+")
GPT2_HEAD = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
GPT2 = f"{GPT2_HEAD}|{LAST_SPACE_APART}"
QWEN2 = rf"{_CONTRACTIONS[0]}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|{LAST_SPACE_APART}"
# Where LAST_SPACE_APART parts a run of spaces: two groups, between which a separator goes beforehand. In the second kind of
# pattern a run up to its last new-line is one piece. Neither kind has an alternative that would match across the cut.
_CUTS = {GPT2_HEAD: rf"([{SPACES}])([{SPACES}][^{SPACES}])"} | {
    rf"{contraction}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+":
        rf"([{SPACES}])([\t\v\f\x{{85}}\p{{Z}}][^{SPACES}])"
    for contraction, number in itertools.product(_CONTRACTIONS, _NUMBERS)
}


class UnknownPattern(Exception):
    """A pattern that cannot be translated; the message says which construct it has."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Each match of `pattern` becomes a piece, and so does what lies between two matches."""

    pattern: str  # RE2
    cut: str | None = None  # RE2 with two groups that are parted first

    def build(self, graph: Graph, name: str, pieces: str) -> str:
        """string [m] to string [n], in order, none empty."""
        if self.cut:
            rewrite = string(graph, f"{name}.parted", rb"\1" + SEPARATOR + rb"\2")
            pieces = graph.node("StringRegexReplace", f"{name}.cut", [pieces, string(graph, f"{name}.place", self.cut), rewrite], EXTENSIONS)
        return split(graph, name, pieces, self.pattern)


def string(graph: Graph, name: str, value: str | bytes) -> str:
    """A constant string [1]. It needs a name: Graph.constant knows strings only by their addresses."""
    return graph.constant(np.array([value], object), name)


def split(graph: Graph, name: str, pieces: str, pattern: str) -> str:
    inputs = [pieces, string(graph, f"{name}.pattern", f"({pattern})"), string(graph, f"{name}.kept", "(?s:.+)")]
    outputs = [name, f"{name}.begin", f"{name}.end", f"{name}.rows"]
    return graph.nodes("StringRegexSplitWithOffsets", outputs, inputs, EXTENSIONS)[0]


def literal(text: str) -> str:
    """A pattern that matches just this text."""
    return re.sub(r"[^\w\s]", lambda m: "\\" + m[0] if m[0].isascii() else m[0], text)


def from_regex(pattern: str, before: Sequence[Split] = ()) -> Split:
    """The split of a pattern in Oniguruma's syntax. Raises UnknownPattern."""
    if pattern.endswith("|" + LAST_SPACE_APART):
        head = pattern[: -len(LAST_SPACE_APART) - 1]
        if head not in _CUTS:
            raise UnknownPattern(f"{LAST_SPACE_APART} after alternatives other than GPT-2's, Llama 3's and Qwen 2's")
        return Split(_translate(head) + f"|[{SPACES}]+", _CUTS[head])
    body = pattern
    if pattern.endswith(r"\s+$"):
        # Oniguruma's $ is before any new-line, RE2's only at the end: no difference where new-lines are pieces of their own.
        if not any(split.pattern == r"[\r\n]" for split in before):
            raise UnknownPattern("$ where new-lines are not yet pieces of their own")
        body = pattern[:-1]
    translated = _translate(body)
    try:
        empty = re.fullmatch(re.sub(r"\\p\{\w+\}", "a", body), "")
    except re.error as error:
        raise UnknownPattern(f"{error}") from None
    if empty:
        raise UnknownPattern("a match of nothing")
    return Split(translated + pattern[len(body):])


_OUTSIDE = re.compile(r"""
    \\p\{(?P<category>\w+)\} | (?P<space>\\s) | (?P<nonspace>\\S) | (?P<digit>\\d) | (?P<escape>\\(?:[nrtfv]|[!-/:-@\[-`{-~]))
  | (?P<group>\(\?i:|\(\?:|\((?!\?)) | (?P<open>\[\^?) | (?P<repeat>(?:[?*+]|\{\d+(?:,\d*)?\})(?![?*+{])) | (?P<other>[^\\\[\](){}?*+^$.])
  | (?P<close>\))""", re.VERBOSE)
_INSIDE = re.compile(r"""
    \\p\{(?P<category>\w+)\} | (?P<space>\\s) | (?P<digit>\\d) | (?P<escape>\\(?:[nrtfv]|[!-/:-@\[-`{-~])) | (?P<open>(?!)) | (?P<close>\])
  | (?P<other>(?!&&)[^\\\[\]])""", re.VERBOSE)


def _translate(pattern: str) -> str:
    out, i, inside = [], 0, False
    while i < len(pattern):
        match = (_INSIDE if inside else _OUTSIDE).match(pattern, i)
        if not match or match["category"] and match["category"] not in CATEGORIES:
            raise UnknownPattern(f"{pattern[i:i + 12]!r}")
        kind, i = match.lastgroup, match.end()
        if kind in ("space", "nonspace"):
            out.append(SPACES if inside else f"[{'^' if kind == 'nonspace' else ''}{SPACES}]")
        elif kind == "digit":
            out.append(r"\p{Nd}")
        else:
            out.append(match[0])
        inside = kind == "open" or inside and kind != "close"
    if inside:
        raise UnknownPattern("a class without its end")
    return "".join(out)
