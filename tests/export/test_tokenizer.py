"""The tokenizer graph against byte-level BPE written out in Python."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import Model, run_export

import tiny
from sjdexport.graph import Graph
from sjdexport.tokenizer import build_tokenizer

WORDS = ["the", "fox", "a", "red", "rocket", "on", "blue", "there", "fox's", "can't", "we'll", "THE", "Fox", "12", "3", "!!", "...", "don't,", "x1y2", "é", "straße", "Ω"]
# No U+0000: ONNX Runtime Extensions end a string there, so the engine must not pass one on.
STRANGE = [
    "", " ", "  ", "\n", "\n\n", " \n \t ", "a  b", "a   b", "trailing  ", "  leading", "tab\tand\r\nline", "\x01\x02\x1b[0m", "del\x7f", "\ufeffbom",
    "🦊", "🦊🚀", "a 🦊 above a 🚀", "👨‍👩‍👧‍👦 family", "🏳️‍🌈", "1️⃣", "\U0001faf6\U0001f3fd",
    "שלום עולם", "مرحبا بالعالم", "\u202eabc\u202c", "a\u200bb", "a\u00a0b", "a\u3000b", "日本語のテキスト", "हिन्दी", "e\u0301", "ﬁ ½ ² Ⅷ",
    "'s", "'S", "'", "''", "it's", "<s>", "</s><pad><unk>", "<start> a fox <end>", "<row><turn>", "<code3>", "a<code3>b", "{prompt}", "\\n", "Ġa", "x" * 500, "the " * 300,
]


def test_ids_match_plain_bpe(model: Model, runner) -> None:
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text())
    runner.load("tokenizer", model.folder / "tokenizer.onnx")
    for text in [*STRANGE, *random_texts(300)]:
        assert encode(runner, "tokenizer", text) == bpe(tokenizer["model"], text), repr(text)


def test_no_prompt_can_spell_a_structural_token(model: Model, runner) -> None:
    runner.load("tokenizer", model.folder / "tokenizer.onnx")
    for token, id in json.loads((model.folder / "tokenizer.json").read_text())["model"]["vocab"].items():
        if id < 4 + 32 + 4:
            assert id not in encode(runner, "tokenizer", token)


def test_lower_casing_is_honoured(checkpoint: Path, runner) -> None:
    path = checkpoint / "tokenizer.json"
    tokenizer = {**json.loads(path.read_text()), "normalizer": {"type": "Lowercase"}}
    path.write_text(json.dumps(tokenizer))
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "fp32").returncode == 0
    runner.load("lower", checkpoint / "tokenizer.onnx")
    for text in ["The FOX", "ÉCOLE", "straße", "🦊 日本", ""]:  # the op lowers ASCII and Latin-1
        assert encode(runner, "lower", text) == bpe(tokenizer["model"], text.lower()), repr(text)


@pytest.mark.parametrize("normalizer", [{"type": "NFKC"}, {"type": "Sequence", "normalizers": []}])
def test_other_normalizers_are_refused(checkpoint: Path, normalizer: dict) -> None:
    path = checkpoint / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalizer": normalizer}))
    done = run_export("--checkpoint", checkpoint, "--out", checkpoint)
    assert done.returncode != 0 and normalizer["type"] in done.stderr


def encode(runner, session: str, text: str) -> list[int]:
    ids = runner.run(session, {"text": np.array([text], dtype=object)}, ["ids"])["ids"]
    assert ids.shape[0] == 1
    return ids[0].tolist()


def random_texts(count: int) -> Iterator[str]:
    random = np.random.default_rng(7)
    for _ in range(count // 2):
        yield " ".join(random.choice(WORDS, random.integers(1, 12)))
    for _ in range(count // 2):
        points = random.integers(1, 0x2FA20, random.integers(1, 20))
        yield "".join(chr(p) for p in points if not 0xD800 <= p < 0xE000)


def bpe(model: dict, text: str) -> list[int]:
    ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(model["merges"])}
    alphabet = tiny.byte_alphabet()
    ids = []
    for piece in split(text):
        parts = [alphabet[byte] for byte in piece.encode()]
        while True:
            pairs = [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]
            if not pairs:
                break
            _, i = min(pairs)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        ids += [model["vocab"][part] for part in parts]
    return ids


def split(text: str) -> Iterator[str]:
    r"""GPT-2's pattern by hand: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+."""
    start = 0
    while start < len(text):
        end = _next(text, start)
        yield text[start:end]
        start = end


def _next(text: str, start: int) -> int:
    for contraction in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d"):
        if text.startswith(contraction, start):
            return start + len(contraction)
    word = start + 1 if text[start] == " " and start + 1 < len(text) and kind(text[start + 1]) != "space" else start
    end = word
    while end < len(text) and kind(text[end]) == kind(text[word]):
        end += 1
    if kind(text[word]) == "space" and end < len(text) and end - start > 1:
        end -= 1  # the last space belongs to what follows
    return end


def kind(character: str) -> str:
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f":  # Unicode's White_Space has not these four; Python's has
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(character)[0], "other")


def test_gaps_between_ids_are_filled(tmp_path: Path) -> None:
    """The op writes past its array where ids have gaps; the built-in model's text begins at 1,032."""
    graph = Graph("tokenizer")
    build_tokenizer(graph, {"model": {"type": "BPE", "vocab": {"a": 1032, "b": 1035}, "merges": []}})
    graph.save(tmp_path / "tokenizer.onnx")
    node = next(node for node in onnx.load(tmp_path / "tokenizer.onnx").graph.node if node.op_type == "HfJsonTokenizer")
    attribute = next(a for a in node.attribute if a.name == "tokenizer_vocab")
    vocabulary = json.loads(attribute.s)["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(1036))
    assert (vocabulary["a"], vocabulary["b"]) == (1032, 1035)
    assert all(" " in token for token, id in vocabulary.items() if id not in (1032, 1035))
