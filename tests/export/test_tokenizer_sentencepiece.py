"""Tokenizers of spiece.model in the engine, compared with the definition of unigram models: the pieces with the highest sum of weights."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.runner import RunnerError
from harness.texts import FRAGMENTS, texts
from harness.tokenizers import assert_same_ids, open_tokenizer
from sjdexport.errors import ExportError
from sjdexport.tokenizers import read_sentencepiece

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
# Some of SentencePiece's rules nmt_nfkc, which replace the longest prefix.
RULES = {
    **{chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}, **dict.fromkeys("\t\n\r\u00a0\u3000\u2028\u200b\u0085", " "),
    "ﬁ": "fi", "½": "1⁄2", "…": "...", "①": "1",
    "e\u0301": "é", "n\u0303": "ñ", "e\u0301\u0323": "ẹ́", "\x01": "", "\x7f": "", "\u200d": "",
    "“": '"', "”": '"', "Å": "Å",
}


def pieces() -> dict[str, float]:
    """Pieces and their weights, which are multiples of 2**-10, so that sums are exact."""
    random = np.random.default_rng(6)
    found = ["▁", *"abcdefghijklmnopqrstuvwxyz.,'!?123", "é", "日", "🦊", "▁the", "▁fox", "</", "<s", "s>", "▁a",
             "本語", "xx", "xxx", "1⁄2"]
    for fragment in FRAGMENTS:
        word = "▁" + fragment.replace(" ", "")
        for _ in range(6):
            start, end = sorted(random.integers(0, len(word) + 1, 2))
            found.append(word[start:end])
    names = [name for name in dict.fromkeys(found) if name and name not in ("<pad>", "</s>", "<unk>", "<s>")]
    return {name: -float(random.integers(1024, 12 * 1024)) / 1024 for name in names}


PIECES = pieces()
LONGEST = max(map(len, PIECES))
SPECIALS = [("<pad>", CONTROL), ("</s>", CONTROL), ("<unk>", UNKNOWN)]


def write(folder: Path, kinds: Sequence[tuple[str, int]] = SPECIALS, model_type: int = 1, byte_fallback: bool = False) -> Path:
    entries = [message((1, name.encode()), (2, 0.0), (3, kind)) for name, kind in kinds]
    entries += [message((1, name.encode()), (2, weight)) for name, weight in PIECES.items()]
    if byte_fallback:
        entries += [message((1, b"<0x%02X>" % byte), (2, 0.0), (3, BYTE)) for byte in range(256)]
    trainer = message((3, model_type), (35, int(byte_fallback)), (40, 2), (41, (1 << 64) - 1), (42, 1), (43, 0))
    normalizer = message((1, b"nmt_nfkc"), (2, charsmap(RULES)), (3, 1), (4, 1), (5, 1))
    path = folder / "spiece.model"
    path.write_bytes(message(*((1, entry) for entry in entries), (2, trainer), (3, normalizer)))
    return path


def message(*fields: tuple[int, int | float | bytes]) -> bytes:
    """A protocol buffer."""
    out = b""
    for number, value in fields:
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            out += varint(number << 3) + varint(value)
    return out


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def charsmap(rules: Mapping[str, str]) -> bytes:
    """The rules as a double array of Darts for their left sides. Its values are the positions of their right sides in the text after it."""
    trie: dict = {}
    text = b""
    for left, right in rules.items():
        node = trie
        for byte in left.encode():
            node = node.setdefault(byte, {})
        node[0] = len(text)
        text += right.encode() + b"\0"
    units, taken, bases = [0] * 65536, {0}, set()  # with the same base, two nodes would share their children

    def place(node: dict, at: int, label: int) -> None:
        base = next(b for b in range(1, len(units)) if b not in bases and all(b ^ byte not in taken for byte in node))
        bases.add(base)
        taken.update(base ^ byte for byte in node)
        offset = base ^ at
        assert offset < 1 << 21
        units[at] = label | (256 if 0 in node else 0) | offset << 10
        for byte, child in node.items():
            if byte:
                place(child, base ^ byte, byte)
            else:
                units[base] = child | 1 << 31

    place(trie, 0, 0)
    array = struct.pack(f"<{max(taken) // 256 * 256 + 256}I", *units[: max(taken) // 256 * 256 + 256])
    return struct.pack("<I", len(array)) + array + text


def test_ids_equal_those_of_the_unigram_definition(runner, tmp_path: Path) -> None:
    open_tokenizer(runner, tmp_path, read_sentencepiece(write(tmp_path)))
    own = ["</s><pad><unk>", "Ｆｕｌｌ　ｗｉｄｔｈ", "e\u0301\u0323e\u0301", "xxxxxx", "▁a ▁"]
    own += ["日🦊日日", "\x01", " \u3000 ", "<extra_id_0>", "½½ ﬁfi"]
    given = [*own, *texts(5000, seed=9)]
    assert_same_ids(runner, given, [reference(text) for text in given])


def test_characters_that_the_charsmap_deletes_are_listed(tmp_path: Path) -> None:
    assert sorted(read_sentencepiece(write(tmp_path)).deleted) == sorted(left for left, right in RULES.items() if not right)


def test_control_pieces_have_ids_and_are_cut_out_of_templates(tmp_path: Path) -> None:
    read = read_sentencepiece(write(tmp_path))
    assert [read.id(token) for token in ("<pad>", "</s>", "<unk>", "▁", "none")] == [0, 1, 2, 3, None]
    assert read.size == 3 + len(PIECES)
    assert read.split_specials("{prompt}</s>") == ["{prompt}", 1]


REFUSED = {
    "no file": (lambda folder: None, "spiece.model is missing"),
    "JSON": (lambda folder: (folder / "spiece.model").write_text('{"model": {}}'), "not a model of SentencePiece"),
    "empty": (lambda folder: (folder / "spiece.model").write_bytes(b""), "not a model of SentencePiece"),
    "cut off": (lambda folder: (path := write(folder)).write_bytes(path.read_bytes()[:-9]), "not a model of SentencePiece"),
    "BPE": (lambda folder: write(folder, model_type=2), "type 2; expected a unigram"),
    "byte fallback": (lambda folder: write(folder, byte_fallback=True), "byte_fallback"),
    "user-defined": (lambda folder: write(folder, [*SPECIALS, ("<image>", USER_DEFINED)]), "user-defined piece <image>"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    make, named = REFUSED[name]
    make(tmp_path)
    with pytest.raises(ExportError, match=named):
        read_sentencepiece(tmp_path / "spiece.model")


def test_the_engine_also_refuses_pieces_for_bytes(runner, tmp_path: Path) -> None:
    vocabulary = write(tmp_path, byte_fallback=True).name
    with pytest.raises(RunnerError, match="byte_fallback"):
        runner.tokenizer("bytes", tmp_path, {"kind": "unigram", "vocabulary": vocabulary})


def reference(text: str) -> list[int]:
    ids = {name: 3 + i for i, name in enumerate(PIECES)}
    unknown = min(PIECES.values()) - 10
    text = normalized(text)
    best: list[tuple[float, int, str | None]] = [(0.0, 0, None)] + [(-np.inf, 0, None)] * len(text)
    for start in range(len(text)):
        for end in range(start + 1, min(start + LONGEST, len(text)) + 1):
            piece = text[start:end]
            if piece in PIECES or end == start + 1:
                weight = best[start][0] + PIECES.get(piece, unknown)
                if weight > best[end][0]:
                    best[end] = (weight, start, piece)
    found, end = [], len(text)
    while end:
        _, start, piece = best[end]
        found.insert(0, piece)
        end = start
    out: list[int] = []
    for i, piece in enumerate(found):
        if piece in ids:
            out.append(ids[piece])
        elif i == 0 or found[i - 1] in ids:  # consecutive unknown characters are one token
            out.append(2)
    return out


def normalized(text: str) -> str:
    """Applies the rules, and replaces spaces by U+2581: one at the start, none at the end, and never two together."""
    out, i = "", 0
    while i < len(text):
        length = next((n for n in (3, 2, 1) if text[i : i + n] in RULES), 0)
        out += RULES[text[i : i + length]] if length else text[i]
        i += max(length, 1)
    words = [word for word in out.split(" ") if word]
    return ("▁" + "▁".join(words)).rstrip("▁")
