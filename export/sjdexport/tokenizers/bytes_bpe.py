"""Byte-pair merges as a graph of standard operators.

The op that ONNX Runtime Extensions 0.14 have for this, HfJsonTokenizer, is not used. It gives a piece that is spelt like an entry of the
vocabulary that entry's id, special tokens included; drops spaces before punctuation in Qwen 2's split (other ids for four texts in ten
of the tests); keeps only the last of several splits and fails on Chameleon's; and writes past its arrays where ids have gaps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .. import contract
from ..graph import BOOL, INT64, STRING, Graph
from .lookups import lookup
from .normalisation import Normaliser
from .specials import split_specials
from .splits import EXTENSIONS, Split, literal, split, string

NEVER = 1 << 62  # the order of a pair that is no merge


@dataclasses.dataclass(frozen=True)
class BytesBpe:
    """Text is normalised, cut into pieces, and each piece's bytes are merged in pairs: lowest rank first, then leftmost."""

    byte_ids: Mapping[int, int]  # the id of a byte; bytes without one are left out, or `unknown`
    merges: Mapping[tuple[int, int], int]  # the rank of a pair
    results: Sequence[int]  # what a pair of that rank becomes
    wholes: Mapping[bytes, int]  # pieces whose id is not what their merges give
    specials: Mapping[str, int]  # tokens that no text spells
    names: Mapping[str, int]  # every token by the name its file gives it, special ones too
    splits: Sequence[Split]
    normalisers: Sequence[Normaliser] = ()
    unknown: int | None = None
    plain: Mapping[str, int] = dataclasses.field(default_factory=dict)  # single characters that are tokens wherever they stand
    patterns: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what specials match in a template, if not just themselves

    @property
    def size(self) -> int:
        return max(self.names.values()) + 1

    def id(self, token: str) -> int | None:
        return self.names.get(token)

    def split_specials(self, template: str) -> list[int | str]:
        return split_specials(template, self.specials, self.patterns)

    def build(self, graph: Graph) -> None:
        text = graph.input(contract.TEXT, STRING, [1])
        for normalise in self.normalisers:
            text = normalise(graph, text)
        pieces = text
        if self.plain:
            pieces = split(graph, "pieces.plain", pieces, "|".join(map(literal, self.plain)))
        for i, part in enumerate(self.splits):
            pieces = part.build(graph, f"pieces.{i}", pieces)
        ids, rows = self._bytes(graph, pieces)
        if self.merges:
            ids = self._merge(graph, ids, rows, pieces)
        graph.node("Unsqueeze", contract.IDS, [ids, graph.constant(np.array([0]))])
        graph.output(contract.IDS, INT64, [1, "n"])

    def _bytes(self, graph: Graph, pieces: str) -> tuple[str, str]:
        """The id of each byte, and which piece it belongs to."""
        nothing = string(graph, "byte.between", "")
        keep = graph.constant(np.array([False]))
        index, each, _ = graph.nodes("StringSplit", ["byte.index", "byte", "byte.shape"], [pieces, nothing, keep], EXTENSIONS)
        missing = -1 if self.unknown is None else self.unknown
        known = {bytes([byte]): self.byte_ids.get(byte, missing) for byte in range(0xFF)}  # 0xFF is the separator
        ids = lookup(graph, "byte.known", each, known, -1)
        row, column = (graph.node("Gather", f"byte.{name}", [index, graph.constant(np.array(i))], axis=1) for i, name in enumerate(("row", "column")))
        if self.wholes or self.plain:
            whole = lookup(graph, "whole", pieces, {**self.wholes, **{token.encode(): id for token, id in self.plain.items()}}, -1)
            whole = graph.node("Gather", "byte.whole", [whole, row])
            zero, none = graph.constant(np.array(0)), graph.constant(np.array(-1))
            is_whole = graph.node("GreaterOrEqual", "byte.is_whole", [whole, zero])
            first = graph.node("Where", "byte.first", [graph.node("Equal", "byte.is_first", [column, zero]), whole, none])
            ids = graph.node("Where", "byte.or_whole", [is_whole, first, ids])
        there = graph.node("GreaterOrEqual", "byte.there", [ids, graph.constant(np.array(0))])
        return tuple(graph.node("Compress", f"{name}.first", [values, there], axis=0) for name, values in (("ids", ids), ("rows", row)))

    def _merge(self, graph: Graph, ids: str, rows: str, pieces: str) -> str:
        """One merge in each piece at a time, until there is none."""
        graph.node("Expand", "merge.none", [graph.constant(np.array([NEVER])), graph.node("Shape", "pieces.count", [pieces])])
        graph.constant(np.array(self.results, np.int64), "merge.results")
        some = graph.node("Greater", "merge.some", [graph.node("Size", "ids.count", [ids]), graph.constant(np.array(0))])
        return graph.nodes("Loop", ["ids.merged", "rows.merged"], ["", some, ids, rows], body=self._body().body())[0]

    def _body(self) -> Graph:
        body = Graph("merge")
        body.input("merge.step", INT64, [])
        body.input("merge.on", BOOL, [])
        ids, rows = (body.input(f"merge.{name}", INT64, [f"merge.{name}.count"]) for name in ("ids", "rows"))

        def constant(name: str, value: object) -> str:
            return body.constant(np.array(value), f"merge.{name}")

        zero, one, minus_one, end = constant("0", [0]), constant("1", [1]), constant("-1", [-1]), constant("end", [1 << 62])
        never, no, nothing = constant("never", NEVER), constant("no", [False]), constant("nothing", [0])
        left, left_row = (body.node("Slice", f"{values}.left", [values, zero, minus_one]) for values in (ids, rows))
        right, right_row = (body.node("Slice", f"{values}.right", [values, one, end]) for values in (ids, rows))

        size = max([*self.byte_ids.values(), *self.results]) + 1
        pair = body.node("Add", "merge.pair", [body.node("Mul", "merge.high", [left, constant("size", size)]), right])
        rank = lookup(body, "merge.rank", pair, {a * size + b: rank for (a, b), rank in self.merges.items()}, -1)
        ranked = body.node("GreaterOrEqual", "merge.ranked", [rank, constant("zero", 0)])
        mergeable = body.node("And", "merge.mergeable", [ranked, body.node("Equal", "merge.same_piece", [left_row, right_row])])

        count = body.node("Size", "merge.count", [ids])
        place = body.node("Range", "merge.place", [constant("first", 0), body.node("Size", "merge.pairs", [left]), constant("step_size", 1)])
        order = body.node("Add", "merge.by_rank", [body.node("Mul", "merge.scaled", [rank, count]), place])
        order = body.node("Where", "merge.order", [mergeable, order, never])
        best = body.node("ScatterElements", "merge.best", ["merge.none", left_row, order], axis=0, reduction="min")
        is_best = body.node("Equal", "merge.is_best", [order, body.node("Gather", "merge.best_of_piece", [best, left_row])])
        chosen = body.node("And", "merge.chosen", [mergeable, is_best])

        result = body.node("Gather", "merge.result", ["merge.results", body.node("Max", "merge.any_rank", [rank, constant("least", 0)])])
        becomes = body.node("Where", "merge.becomes", [chosen, result, left])
        last = body.node("Slice", "merge.last", [ids, minus_one, end])
        becomes = body.node("Concat", "merge.all", [becomes, last], axis=0)
        gone = body.node("Concat", "merge.gone", [no, chosen], axis=0)
        kept = body.node("Not", "merge.kept", [gone])
        merged = [body.node("Compress", f"merge.{name}.next", [values, kept], axis=0) for name, values in (("ids", becomes), ("rows", rows))]
        changed = body.node("ReduceSum", "merge.changed", [body.node("Cast", "merge.ones", [chosen], to=INT64), nothing], keepdims=0)
        body.node("Greater", "merge.again", [changed, constant("none_changed", 0)])
        body.output("merge.again", BOOL, [])
        for values in merged:
            body.output(values, INT64, [f"{values}.count"])
        return body


def merge(ids: list[int], merges: Mapping[tuple[int, int], int], results: Sequence[int]) -> list[int]:
    """What the graph does to one piece."""
    ids = list(ids)
    while True:
        ranked = [(merges[pair], i) for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not ranked:
            return ids
        rank, i = min(ranked)
        ids[i : i + 2] = [results[rank]]


def unmerged(tokens: Mapping[bytes, int], byte_ids: Mapping[int, int], merges: Mapping[tuple[int, int], int], results: Sequence[int]) -> Iterator[bytes]:
    """The tokens that merges of their own bytes do not give."""
    for token, id in tokens.items():
        if merge([byte_ids[byte] for byte in token], merges, results) != [id]:
            yield token
