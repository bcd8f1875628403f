"""Tokenizers of tokenizer.json in the engine, compared with the Hugging Face library and with byte-level BPE in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.exports import Model, run_export
from harness.texts import merge, texts
from harness.tokenizers import (
    ALPHABET,
    CASES,
    CHAMELEON,
    SPECIALS,
    added_token,
    assert_same_ids,
    byte_level,
    case_texts,
    kind,
    open_tokenizer,
    references,
    sequence,
    spell,
    tokenizer_json,
)
from sjdexport.errors import ExportError
from sjdexport.tokenizers import read_hf_bpe

Encode = Callable[[str], "list[int]"]


@pytest.fixture(scope="session")
def expected_ids() -> dict[str, list[list[int]]]:
    return references()


@pytest.fixture
def load(runner, tmp_path: Path):
    """A function that exports a tokenizer and returns its encoder."""

    def load_file(tokenizer: dict, *structure: re.Pattern[str]) -> Encode:
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps(tokenizer, ensure_ascii=False))
        return open_tokenizer(runner, tmp_path, read_hf_bpe(path, *structure))

    return load_file


@pytest.mark.parametrize("name", CASES)
def test_ids_match_the_hugging_face_library(name: str, load, runner, expected_ids) -> None:
    load(CASES[name]())
    assert_same_ids(runner, case_texts(name), expected_ids[name])


def test_with_ignored_merges_a_piece_that_is_a_token_becomes_that_token(load) -> None:
    tokenizer = CASES["whole pieces"]()
    assert load(tokenizer)("a zyxw")[-1] == tokenizer["model"]["vocab"]["Ġzyxw"]


def test_text_never_becomes_a_special_token(load) -> None:
    """Not even one that is a single piece and in the vocabulary, or one that merges lead to."""
    tokenizer = tokenizer_json(sequence(*CHAMELEON, regex=True), ignore_merges=True)
    tokenizer["model"]["vocab"] |= {"ab": len(tokenizer["model"]["vocab"])}
    tokenizer["model"]["merges"].insert(0, "a b")
    tokenizer["added_tokens"].append(added_token("ab", tokenizer["model"]["vocab"]["ab"]))
    special = {token["id"] for token in tokenizer["added_tokens"]}
    encode_one = load(tokenizer)
    for text in ["".join(SPECIALS), " ".join(SPECIALS), *SPECIALS, "ab", " ab", "cab cabs"]:
        ids = encode_one(text)
        assert ids and not special & set(ids), text


def test_bytes_without_a_token_are_omitted_or_unknown(load) -> None:
    tokenizer = tokenizer_json(byte_level(True))
    a, b = (tokenizer["model"]["vocab"][c] for c in "ab")
    for byte in "é".encode():
        del tokenizer["model"]["vocab"][spell(bytes([byte]))]
    tokenizer["model"]["merges"] = []
    assert load(tokenizer)("aéb") == [a, b]
    tokenizer["model"]["unk_token"] = "<s>"
    assert load(tokenizer)("aéb") == [a, 0, 0, b]


def test_text_is_lowercased_character_by_character(load) -> None:
    tokenizer = tokenizer_json(byte_level(True), {"type": "Lowercase"})
    encode_one = load(tokenizer)
    for text in ["The FOX", "ÉCOLE", "STRASSE straße", "ΟΔΥΣΣΕΥΣ", "İstanbul", "ПРИВЕТ", "🦊 日本", ""]:
        assert encode_one(text) == bpe(tokenizer["model"], "".join(c.lower() for c in text)), repr(text)


def test_ids_of_an_exported_model_match_bpe_in_python(model: Model, runner) -> None:
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text())
    runner.tokenizer("tokenizer", model.folder, model.manifest["tokenizer"])
    given = list(texts(150))
    assert_same_ids(runner, given, [bpe(tokenizer["model"], text) for text in given])


STRUCTURE = ["<reserved08706>", "IMGIMGABZ", "<racm3:break>", "<eoss>"]


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_text_never_becomes_a_structural_token_even_if_it_is_not_an_added_token(load, ignore_merges: bool) -> None:
    """Here structural tokens are in the vocabulary like words, with merges that lead to them."""
    tokenizer = tokenizer_json(byte_level(False), ignore_merges=ignore_merges)
    model = tokenizer["model"]
    vocabulary, merges = model["vocab"], model["merges"]
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] not in STRUCTURE]
    paths = []
    for word in [*STRUCTURE, "IMGIMGABZs", "<reserved>"]:
        for start in range(len(word) - 2, -1, -1):
            vocabulary.setdefault(word[start:], len(vocabulary))
            paths.append(f"{word[start]} {word[start + 1:]}")
    merges[:0] = dict.fromkeys(paths)  # before those of the bytes they start with
    encode = load(tokenizer, re.compile("nothing"))
    for token in STRUCTURE:
        assert encode(token) == [vocabulary[token]]
    encode = load(tokenizer)
    for token in STRUCTURE:
        assert encode(token) == [vocabulary[token[0]], vocabulary[token[1:]]]
        assert vocabulary[token] not in encode(f"a {token}{token} b")
    assert encode("<reserved>") == [vocabulary["<reserved>"]]
    assert (encode("IMGIMGABZs") == [vocabulary["IMGIMGABZs"]]) == ignore_merges


def test_text_never_becomes_an_id_of_the_layout(checkpoint: Path, tmp_path: Path, runner) -> None:
    """Here generation.json has the layout's ids, which are normal words for the tokenizer."""
    path = checkpoint / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    names = {id: name for name, id in vocabulary.items()}
    layout = json.loads((checkpoint / "generation.json").read_text())["layout"]
    structure = [layout["firstCode"], layout["firstCode"] + layout["codes"] - 1, *layout["rowSuffix"], *layout["suffix"]]
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["id"] not in structure]
    vocabulary["cat"] = len(vocabulary) + len(tokenizer["added_tokens"])
    tokenizer["model"]["ignore_merges"] = True
    tokenizer["pre_tokenizer"] = byte_level(False)
    path.write_text(json.dumps(tokenizer))
    assert run_export("--checkpoint", checkpoint, "--out", tmp_path / "out", "--precision", "fp32", "--pictures", "").returncode == 0
    runner.tokenizer("layout", tmp_path / "out", json.loads((tmp_path / "out" / "model.json").read_text())["tokenizer"])
    for id in structure:
        assert runner.tokenize("layout", [names[id]]) == [[vocabulary[character] for character in names[id]]]
    assert runner.tokenize("layout", ["cat"]) == [[vocabulary["cat"]]]


def test_normal_and_added_tokens_are_found_by_name(tmp_path: Path) -> None:
    tokenizer = tokenizer_json(byte_level(True))
    tokenizer["added_tokens"].append(added_token("<late>", 5000))
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    read = read_hf_bpe(tmp_path / "tokenizer.json")
    assert (read.id("<s>"), read.id("<late>"), read.id("<none>"), read.size) == (0, 5000, None, 5001)
    assert read.id("Ġ") == tokenizer["model"]["vocab"]["Ġ"]


@pytest.mark.parametrize("template, parts", [
    ("", []), ("{prompt}", ["{prompt}"]), ("a {width}x{height}:\n{prompt}<reserved08706>", ["a {width}x{height}:\n{prompt}", 4]),
    ("<s><|User|>: {prompt}</s>x", [0, 3, ": {prompt}", 1, "x"]), ("<s", ["<s"]), ("<s>>", [0, ">"]),
])
def test_special_tokens_are_cut_out_of_templates(template: str, parts: list, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json(byte_level(True))))
    assert read_hf_bpe(tmp_path / "tokenizer.json").split_specials(template) == parts


def test_special_tokens_include_the_spaces_around_them_if_the_tokenizer_says_so(tmp_path: Path) -> None:
    tokenizer = tokenizer_json(byte_level(True))
    tokenizer["added_tokens"] += [
        added_token("<l>", 900, lstrip=True), added_token("<r>", 901, rstrip=True), added_token("word", 902, single_word=True)]
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    read = read_hf_bpe(tmp_path / "tokenizer.json")
    assert read.split_specials("a <l> b <r> c word words") == ["a", 900, " b ", 901, "c ", 902, " words"]


SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
REFUSED = {
    "no file": (None, ["tokenizer.json is missing"]),
    "another model": ({"model": {"type": "Unigram", "vocab": []}}, ["Unigram"]),
    "no JSON": ("{", ["not a tokenizer.json"]),
    "deeply nested": ("[" * 10**5, ["not a tokenizer.json"]),
    "no model": ({"model": None}, ["not a tokenizer.json"]),
    "no ids": ({"model": {"type": "BPE", "vocab": ["a"]}}, ["no vocabulary"]),
    "text for an id": ({"model": {"type": "BPE", "vocab": {"a": "1"}}}, ["no vocabulary"]),
    "suffixes": ({"model": {"end_of_word_suffix": "</w>"}}, ["end_of_word_suffix", "</w>"]),
    "byte fallback": ({"model": {"byte_fallback": True}}, ["byte_fallback true"]),
    "merge of one": ({"model": {"merges": ["ab"]}}, ['"ab"', "two tokens"]),
    "merge to nothing": ({"model": {"merges": ["a zzz"]}}, ['"zzz"', "vocabulary"]),
    "unknown bytes fused": (
        {"model": {"vocab": {"<unk>": 0, "a": 1}, "merges": [], "unk_token": "<unk>", "fuse_unk": True}}, ["byte 0", "fuse"]),
    "NFKC": ({"normalizer": {"type": "NFKC"}}, ["NFKC", "NFC"]),
    "NFKC in a sequence": ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKC"}]}}, ["NFKC"]),
    "no split": ({"pre_tokenizer": None}, ["null", "ByteLevel"]),
    "no bytes": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}]}}, ["Whitespace", "ByteLevel"]),
    "a space in front": ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, ["add_prefix_space"]),
    "bytes twice": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [byte_level(True), byte_level(True)]}}, ["ByteLevel"]),
    "another type": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Metaspace"}, byte_level()]}}, ["Metaspace"]),
    "removed": (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**SPLIT, "pattern": {"Regex": " "}, "behavior": "Removed"},
                                                             byte_level()]}},
        ["Isolated"]),
    "inverted": (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**SPLIT, "pattern": {"Regex": " "}, "invert": True}, byte_level()]}},
        ["Isolated"]),
    "no pattern": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, byte_level()]}}, ["no pattern"]),
    **{f"pattern {pattern}": ({"pre_tokenizer": sequence(pattern)}, [named]) for pattern, named in {
        r"\w+": r"\\w", r"a(?!b)": "(?!b)", r"(?<!a)b": "(?<!", r"\p{Han}": "Han", r"x*": "empty match", r"[a&&b]": "&&",
        r"[[:alpha:]]": "[:alpha", r"a++": "++",
        r"^a": "^a", r"a$": "$", r"\s+$": "new-lines", r"x.y": ".y", "🦊": "past U+FFFF", "[🦊🚀]": "past U+FFFF",
        r"[a": "end", r"(a": "unterminated", r"[^\S]": r"\\S",
        r"\bx": r"\\b", r"(?m:x)": "(?m",
    }.items()},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_tokenizer_that_cannot_be_reproduced_is_refused(name: str, tmp_path: Path) -> None:
    change, named = REFUSED[name]
    path = tmp_path / "tokenizer.json"
    if isinstance(change, str):
        path.write_text(change)
    elif change is not None:
        tokenizer = tokenizer_json(byte_level(True))
        merged = {
            key: {**tokenizer[key], **value} if key == "model" and isinstance(value, dict) else value for key, value in change.items()}
        path.write_text(json.dumps({**tokenizer, **merged}))
    with pytest.raises(ExportError) as error:
        read_hf_bpe(path)
    assert all(part in str(error.value) for part in named), error.value


def bpe(model: dict, text: str) -> list[int]:
    back = {c: byte for byte, c in enumerate(ALPHABET)}
    merges = [tuple(bytes(back[c] for c in part) for part in line.split(" ")) for line in model["merges"]]
    ids = []
    for piece in split(text):
        parts = [bytes([byte]) for byte in piece.encode()]
        while pairs := [pair for pair in merges if pair in set(zip(parts, parts[1:]))]:
            parts = merge(parts, pairs[0])
        ids += [model["vocab"][spell(part)] for part in parts]
    return ids


def split(text: str) -> Iterator[str]:
    """The pieces of GPT-2's pattern, without a regular expression."""
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
