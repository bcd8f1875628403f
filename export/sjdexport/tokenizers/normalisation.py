"""Normalisation of text as graphs: lower case, and Unicode's canonical composition (NFC) of the exporting Python's Unicode version."""

from __future__ import annotations

import functools
import sys
import unicodedata
from collections.abc import Callable, Mapping

import numpy as np

from ..graph import BOOL, INT64, STRING, Graph
from .lookups import lookup
from .splits import EXTENSIONS, split, string

Normaliser = Callable[[Graph, str], str]
HANGUL = range(0xAC00, 0xD7A4)
CHARACTER = "(?s:.)"


def lower(graph: Graph, text: str) -> str:
    """string [1] to string [1], character by character as Rust's and Hugging Face's Lowercase: no final sigma."""
    characters = split(graph, "lower.characters", text, CHARACTER)
    return _join(graph, "lowered", _map(graph, "lower.each", characters, {c: c.lower() for c in _characters() if c.lower() != c}))


def compose(graph: Graph, text: str) -> str:
    """string [1] to string [1]: NFC, by its definition (Unicode Standard Annex 15): decompose, order marks, compose."""
    characters = split(graph, "nfc.characters", text, CHARACTER)
    decomposed = _map(graph, "nfc.decompositions", characters, _decompositions())
    characters = split(graph, "nfc.decomposed", decomposed, CHARACTER)
    # An empty starter in front: every mark then follows one.
    characters = graph.node("Concat", "nfc.all", [string(graph, "nfc.front", ""), characters], axis=0)
    classes = lookup(graph, "nfc.classes", characters, {c.encode(): unicodedata.combining(c) for c in _characters() if unicodedata.combining(c)}, 0)

    zero = graph.constant(np.array(0))
    starters = graph.node("Cast", "nfc.starters", [graph.node("Equal", "nfc.is_starter", [classes, zero])], to=INT64)
    groups = graph.node("CumSum", "nfc.groups", [starters, zero])
    key = graph.node("Add", "nfc.group_and_class", [graph.node("Mul", "nfc.wide_groups", [groups, graph.constant(np.array(256))]), classes])
    count = graph.node("Size", "nfc.count", [characters])
    place = graph.node("Range", "nfc.places", [zero, count, graph.constant(np.array(1))])
    key = graph.node("Add", "nfc.key", [graph.node("Mul", "nfc.wide_key", [key, count]), place])
    whole = graph.node("Unsqueeze", "nfc.how_many", [count, graph.constant(np.array([0]))])
    _, order = graph.nodes("TopK", ["nfc.sorted", "nfc.order"], [key, whole], largest=0)
    characters = graph.node("Gather", "nfc.ordered", [characters, order])
    classes = graph.node("Gather", "nfc.ordered_classes", [classes, order])

    some = graph.node("Greater", "nfc.some", [count, graph.constant(np.array(1))])
    composed = graph.nodes("Loop", ["nfc.composed", "nfc.composed_classes"], ["", some, characters, classes], body=_compose_one().body())[0]
    return _join(graph, "composed", composed)


def _compose_one() -> Graph:
    """The leftmost character that composes with the starter before it does so."""
    body = Graph("compose")
    body.input("nfc.step", INT64, [])
    body.input("nfc.on", BOOL, [])
    characters = body.input("nfc.before", STRING, ["nfc.before.count"])
    classes = body.input("nfc.before_classes", INT64, ["nfc.before.count"])

    def constant(name: str, value: object) -> str:
        return body.constant(np.array(value), f"nfc.{name}")

    zero, zeros, one, minus_one, end = constant("0", 0), constant("0s", [0]), constant("1", [1]), constant("-1", [-1]), constant("end", [1 << 62])
    # The starter before each character but the first.
    is_starter = body.node("Equal", "nfc.starts", [classes, zero])
    starts = body.node("Squeeze", "nfc.start_places", [body.node("NonZero", "nfc.start_rows", [is_starter]), zeros])
    so_far = body.node("CumSum", "nfc.started", [body.node("Cast", "nfc.start_ones", [is_starter], to=INT64), zero])
    which = body.node("Sub", "nfc.which", [body.node("Slice", "nfc.started_before", [so_far, zeros, minus_one]), one])
    start = body.node("Gather", "nfc.start", [starts, which])
    # A mark is blocked by one of its own class before it; a starter by any mark.
    before = body.node("Slice", "nfc.class_before", [classes, zeros, minus_one])
    own = body.node("Slice", "nfc.own_class", [classes, one, end])
    adjacent = body.node("Equal", "nfc.adjacent", [before, zero])
    open = body.node("Or", "nfc.open", [adjacent, body.node("Less", "nfc.lower_class", [before, own])])
    second = body.node("Slice", "nfc.second", [characters, one, end])
    pair = body.node("StringConcat", "nfc.pair", [body.node("Gather", "nfc.first", [characters, start]), second])
    pairs = _compositions()
    composite = lookup(body, "nfc.composite", pair, {pair.encode(): i for i, pair in enumerate(pairs)}, -1)
    exists = body.node("GreaterOrEqual", "nfc.exists", [composite, zero])
    composes = body.node("Cast", "nfc.composes", [body.node("And", "nfc.exists_open", [exists, open])], to=INT64)
    again = body.node("Cast", "nfc.again", [body.node("ReduceMax", "nfc.any", [composes], keepdims=0)], to=BOOL)

    at = body.node("ArgMax", "nfc.at", [composes], axis=0)
    place = body.node("Range", "nfc.place", [zero, body.node("Size", "nfc.length", [characters]), constant("step_size", 1)])
    is_start = body.node("Equal", "nfc.is_start", [place, body.node("Gather", "nfc.start_at", [start, at])])
    is_second = body.node("Equal", "nfc.is_second", [place, body.node("Add", "nfc.second_at", [at, one])])
    index = body.node("Max", "nfc.index", [body.node("Gather", "nfc.composite_at", [composite, at]), zero])
    result = body.node("Gather", "nfc.result", [body.constant(np.array([c.encode() for c in pairs.values()], object), "nfc.results"), index])
    replaced = body.node("Where", "nfc.replaced", [body.node("And", "nfc.replace", [is_start, again]), result, characters])
    kept = body.node("Not", "nfc.kept", [body.node("And", "nfc.drop", [is_second, again])])
    body.output(again, BOOL, [])
    body.output(body.node("Compress", "nfc.after", [replaced, kept], axis=0), STRING, ["nfc.after.count"])
    body.output(body.node("Compress", "nfc.after_classes", [classes, kept], axis=0), INT64, ["nfc.after.count"])
    return body


def _map(graph: Graph, name: str, characters: str, mapping: Mapping[str, str]) -> str:
    return graph.node("StringMapping", name, [characters], EXTENSIONS, map="\n".join(f"{a}\t{b}" for a, b in mapping.items()))


def _join(graph: Graph, name: str, characters: str) -> str:
    return graph.node("StringJoin", name, [characters, string(graph, f"{name}.between", ""), graph.constant(np.array([0]))], EXTENSIONS)


@functools.cache
def _characters() -> tuple[str, ...]:
    return tuple(chr(i) for i in range(1, sys.maxunicode + 1) if not 0xD800 <= i < 0xE000)


@functools.cache
def _decompositions() -> dict[str, str]:
    """All but Hangul's syllables, which compose with a final consonant as they are."""
    return {c: d for c in _characters() if ord(c) not in HANGUL and (d := unicodedata.normalize("NFD", c)) != c}


@functools.cache
def _compositions() -> dict[str, str]:
    """The pairs that compose, to what."""
    pairs = {}
    for c in _characters():
        mapping = unicodedata.decomposition(c)
        if mapping and mapping[0] != "<" and len(parts := mapping.split()) == 2:
            pair = "".join(chr(int(part, 16)) for part in parts)
            if unicodedata.normalize("NFC", pair) == c:
                pairs[pair] = c
    for i in HANGUL:
        final = (i - HANGUL.start) % 28
        pair = chr(i - final) + chr(0x11A7 + final) if final else unicodedata.normalize("NFD", chr(i))
        pairs[pair] = chr(i)
    return pairs
