"""Tokenizers of tiktoken's files in the engine, compared with tiktoken's rule.

Of all neighbors, those merge first whose joined bytes have the lowest rank.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.texts import texts, trained_merges
from harness.tokenizers import assert_same_ids, kind, open_tokenizer
from sjdexport.errors import ExportError
from sjdexport.tokenizers import emu3_special_tokens, read_tiktoken

# Includes tokens that no pair of tokens gives, and one that two different pairs give.
RANKS = {token: rank for rank, token in enumerate(dict.fromkeys([
    *(bytes([byte]) for byte in np.random.default_rng(4).permutation(256).tolist()), *(a + b for a, b in trained_merges(500)),
    b" zyxw", "ñ\u0303".encode(), b"qqq", b"qq", "ſ".encode(), "ſt".encode(),
]))}
VISION = ["<|image token|>", "<|image start|>", "<|image end|>", "<|visual token 000000|>"]


def write(folder: Path, ranks: dict[bytes, int] = RANKS) -> Path:
    (folder / "emu3.tiktoken").write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()))
    (folder / "emu3_vision_tokens.txt").write_text("".join(f"{token}\n" for token in VISION) + "\n")
    return folder / "emu3.tiktoken"


def test_ids_equal_those_of_tiktokens_rule(runner, tmp_path: Path) -> None:
    open_tokenizer(runner, tmp_path, read_tiktoken(write(tmp_path), emu3_special_tokens(tmp_path / "emu3_vision_tokens.txt")))
    own = ["90*90", "a zyxw, zyxw", " zyxws", "qqqq", "qqqqq qqq", *VISION, "<|extra_203|>"]
    own += ["n\u0303\u0303", "I'D WE'LL 'ſ", "'ſtz", "!\n\n x\n  y \n\n\tz", "\u0085 \u0085a"]
    given = [*own, *texts(5000, seed=8)]
    assert_same_ids(runner, given, [list(reference(text)) for text in given])


def test_special_tokens_have_the_ids_after_the_ranks(tmp_path: Path) -> None:
    read = read_tiktoken(write(tmp_path), emu3_special_tokens(tmp_path / "emu3_vision_tokens.txt"))
    first = len(RANKS)
    assert read.id("<|endoftext|>") == first
    assert read.id("<|extra_0|>") == first + 3 and read.id("<|extra_204|>") == first + 207
    assert [read.id(token) for token in VISION] == [first + 208 + i for i in range(4)]
    assert read.size == first + 212 and read.id(" zyxw") == RANKS[b" zyxw"] and read.id("none") is None
    assert read.split_specials("<|extra_203|>{prompt}<|image start|>") == [first + 206, "{prompt}", first + 209]


REFUSED = {
    "no file": (None, "emu3.tiktoken is missing"), "not base64": ("?? 1\n", "base64"), "no rank": ("YQ==\n", "base64"), "rank is text": (
        "YQ== b\n", "base64"),
    "a byte is missing": ({token: rank for token, rank in RANKS.items() if token != b"a"}, "255 of the 256 bytes"),
    "ranks with a gap": ({**RANKS, b"late": len(RANKS) + 5}, f"expected each rank from 0 to {len(RANKS)} once"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    content, named = REFUSED[name]
    if isinstance(content, dict):
        write(tmp_path, content)
    elif content is not None:
        (tmp_path / "emu3.tiktoken").write_text(content)
    with pytest.raises(ExportError, match=named):
        read_tiktoken(tmp_path / "emu3.tiktoken")


def test_a_missing_vision_token_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="emu3_vision_tokens.txt is missing"):
        emu3_special_tokens(tmp_path / "emu3_vision_tokens.txt")


def reference(text: str) -> Iterator[int]:
    for piece in split(unicodedata.normalize("NFC", text)):
        parts = [bytes([byte]) for byte in piece.encode()]
        if piece.encode() in RANKS:
            parts = [piece.encode()]
        while len(parts) > 1:
            rank, i = min((RANKS.get(a + b, len(RANKS)), i) for i, (a, b) in enumerate(zip(parts, parts[1:])))
            if rank == len(RANKS):
                break
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        yield from (RANKS[part] for part in parts)


def split(text: str) -> Iterator[str]:
    """The pieces of Qwen 2's pattern, without a regular expression."""
    start = 0
    while start < len(text):
        end = _next(text, start)
        yield text[start:end]
        start = end


def _next(text: str, start: int) -> int:
    def run(at: int, wanted) -> int:
        while at < len(text) and wanted(text[at]):
            at += 1
        return at

    def is_kind(name: str):
        return lambda c: kind(c) == name

    line = "\r\n".__contains__
    for contraction in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d"):
        if text[start : start + len(contraction)].replace("ſ", "s").lower() == contraction:
            return start + len(contraction)
    letters = start if kind(text[start]) in ("letter", "number") or line(text[start]) else start + 1
    if (end := run(letters, is_kind("letter"))) > letters:
        return end
    if kind(text[start]) == "number":
        return start + 1
    symbols = start + 1 if text[start] == " " else start
    if (end := run(symbols, is_kind("other"))) > symbols:
        return run(end, line)
    end = run(start, is_kind("space"))
    lines = [i for i in range(start, end) if line(text[i])]
    if lines:
        return lines[-1] + 1
    return end - 1 if end < len(text) and end - start > 1 else end
