"""Graphs of tokenizer.json against the Hugging Face library for JavaScript, and against byte-level BPE written out in Python."""

from __future__ import annotations

import json
import re
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Model, run_export

import tiny
from sjdexport.errors import ExportError
from sjdexport.graph import Graph
from sjdexport.tokenizers import read_hf_bpe
from texts import merge, texts, trained_merges

HERE = Path(__file__).resolve().parent
# As llama.cpp lists it for Chameleon; in Hugging Face's names the digits may be Digits and the punctuation Punctuation.
CHAMELEON = [r"(<sentinel:[0-9]+>)", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]"]
# DeepSeek LLM's, which Janus-Pro has.
LETTERS = "[%s]" % "".join("-".join(chr(int(end, 16)) for end in part.split("-")) for part in (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 3A3-3F5 3F7-481 48A-52F "
    "531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 "
    "1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 "
    "2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D "
    "A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB 10C80-10CB2 "
    "10CC0-10CF2 118A0-118DF 1E900-1E943 "
).split())
DEEPSEEK = [r"[\r\n]", rf"\s?{LETTERS}+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"]
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIALS = ["<s>", "</s>", "<|im_start|>", "<|User|>", "<reserved08706>", "<begin_of_image>", "IMGIMGABZ"]


def byte_level(regex: bool = False) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}


def sequence(*patterns: str, regex: bool = False) -> dict:
    splits = [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False} for pattern in patterns]
    return {"type": "Sequence", "pretokenizers": [*splits, byte_level(regex)]}


ALPHABET = tiny.byte_alphabet()


def spell(token: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in token)


def tokenizer_json(pre_tokenizer: dict, normalizer: dict | None = None, **model: object) -> dict:
    """The special tokens come first, then the bytes in an order of their own, then the merges."""
    merges = [(a, b) for a, b in trained_merges(500) if not any(token.encode() in a + b for token in SPECIALS)]
    tokens = [*SPECIALS, *np.random.default_rng(3).permutation(ALPHABET).tolist(), *(spell(a + b) for a, b in merges)]
    vocabulary = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    added = [added_token(token, vocabulary[token]) for token in SPECIALS]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": byte_level(True),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": [f"{spell(a)} {spell(b)}" for a, b in merges], **model},
    }


def added_token(content: str, id: int, **flags: bool) -> dict:
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


@pytest.fixture(scope="session")
def javascript():
    """Ids by the Hugging Face library for JavaScript. Special tokens are taken out of it: it would find them in text."""
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True)

    def encode_all(tokenizer: dict, texts: Sequence[str]) -> list[list[int]]:
        found = [token for token in tokenizer["added_tokens"] if not token["special"]]
        request = json.dumps({"tokenizer": {**tokenizer, "added_tokens": found}, "texts": texts})
        return json.loads(subprocess.run(["node", "encode.mjs"], cwd=HERE, input=request, capture_output=True, text=True, check=True).stdout)

    return encode_all


@pytest.fixture
def load(runner, tmp_path: Path):
    """Exports a tokenizer and gives its encoder."""
    def load_file(tokenizer: dict, *structure: re.Pattern[str]):
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps(tokenizer, ensure_ascii=False))
        graph = Graph("tokenizer")
        read_hf_bpe(path, *structure).build(graph)
        graph.save(tmp_path / "tokenizer.onnx")
        runner.load("tokenizer", tmp_path / "tokenizer.onnx")
        return lambda text: encode(runner, "tokenizer", text)

    return load_file


def encode(runner, session: str, text: str) -> list[int]:
    ids = runner.run(session, {"text": np.array([text], dtype=object)}, ["ids"])["ids"]
    assert ids.shape[0] == 1
    return ids[0].tolist()


PRE_TOKENIZERS = {
    "gpt-2": byte_level(True), "chameleon": sequence(*CHAMELEON, regex=True), "deepseek": sequence(*DEEPSEEK), "qwen 2": sequence(QWEN2),
    "llama 3": sequence(QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|")), "none": byte_level(False),
}


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_ids_match_the_reference(name: str, load, javascript) -> None:
    tokenizer = tokenizer_json(PRE_TOKENIZERS[name], {"type": "NFC"} if name == "qwen 2" else None)
    given = list(texts(150 if name in ("llama 3", "none") else 500))
    encode_one = load(tokenizer)
    for text, expected in zip(given, javascript(tokenizer, given)):
        assert encode_one(text) == expected, repr(text)


def test_no_text_spells_a_special_token(load) -> None:
    """Not even one that is a single piece and so whole in the vocabulary, or one that merges would give."""
    tokenizer = tokenizer_json(sequence(*CHAMELEON, regex=True), ignore_merges=True)
    tokenizer["model"]["vocab"] |= {"ab": len(tokenizer["model"]["vocab"])}
    tokenizer["model"]["merges"].insert(0, "a b")
    tokenizer["added_tokens"].append(added_token("ab", tokenizer["model"]["vocab"]["ab"]))
    special = {token["id"] for token in tokenizer["added_tokens"]}
    encode_one = load(tokenizer)
    for text in ["".join(SPECIALS), " ".join(SPECIALS), *SPECIALS, "ab", " ab", "cab cabs"]:
        ids = encode_one(text)
        assert ids and not special & set(ids), text


def test_a_character_that_is_an_added_token_is_found_in_text(load, javascript) -> None:
    """DeepSeek's tokenizers lack thirteen bytes and have added tokens that are spelt like those bytes' characters."""
    tokenizer = tokenizer_json(sequence(*DEEPSEEK), {"type": "Sequence", "normalizers": []})
    size = len(tokenizer["model"]["vocab"])
    tokenizer["added_tokens"] += [added_token(c, size + i, special=False, normalized=True) for i, c in enumerate("öüÀ÷")]
    given = ["schön", "öö", " ö ", "Überfall über Àx÷ü", "o\u0308", *texts(100)]
    encode_one = load(tokenizer)
    for text, expected in zip(given, javascript(tokenizer, given)):
        assert encode_one(text) == expected, repr(text)


def test_bytes_without_a_token_are_left_out_or_unknown(load) -> None:
    tokenizer = tokenizer_json(byte_level(True))
    a, b = (tokenizer["model"]["vocab"][c] for c in "ab")
    for byte in "é".encode():
        del tokenizer["model"]["vocab"][spell(bytes([byte]))]
    tokenizer["model"]["merges"] = []
    assert load(tokenizer)("aéb") == [a, b]
    tokenizer["model"]["unk_token"] = "<s>"
    assert load(tokenizer)("aéb") == [a, 0, 0, b]


def test_whole_pieces_come_first_where_merges_are_ignored(load, javascript) -> None:
    """The vocabulary alone knows " fox" and " zyxw"."""
    tokenizer = tokenizer_json(byte_level(True), ignore_merges=True)
    tokenizer["model"]["merges"] = [merge for merge in tokenizer["model"]["merges"] if merge.replace(" ", "") != "Ġfox"]
    for token in ("Ġfox", "Ġzyxw"):
        tokenizer["model"]["vocab"].setdefault(token, len(tokenizer["model"]["vocab"]))
    given = [" fox", "a fox", " foxes", "a zyxw, zyxw", *texts(100)]
    encode_one = load(tokenizer)
    for text, expected in zip(given, javascript(tokenizer, given)):
        assert encode_one(text) == expected, repr(text)
    assert encode_one("a zyxw")[-1] == tokenizer["model"]["vocab"]["Ġzyxw"]


def test_digits_and_punctuation_are_splits_by_category(tmp_path: Path) -> None:
    """Hugging Face's library for JavaScript has both otherwise than that for Rust, which models are trained with."""
    by_name = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Isolated"}, byte_level()]}
    read = []
    for pre_tokenizer in (by_name, sequence(*CHAMELEON[3:])):
        (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer_json(pre_tokenizer)))
        read.append(read_hf_bpe(tmp_path / "tokenizer.json").splits)
    assert read[0] == read[1]


def test_lower_casing_is_by_character(load) -> None:
    tokenizer = tokenizer_json(byte_level(True), {"type": "Lowercase"})
    encode_one = load(tokenizer)
    for text in ["The FOX", "ÉCOLE", "STRASSE straße", "ΟΔΥΣΣΕΥΣ", "İstanbul", "ПРИВЕТ", "🦊 日本", ""]:
        assert encode_one(text) == bpe(tokenizer["model"], "".join(c.lower() for c in text)), repr(text)


def test_ids_of_an_exported_model_match_bpe_in_python(model: Model, runner) -> None:
    tokenizer = json.loads((model.folder / "tokenizer.json").read_text())
    runner.load("tokenizer", model.folder / "tokenizer.onnx")
    for text in texts(150):
        assert encode(runner, "tokenizer", text) == bpe(tokenizer["model"], text), repr(text)


STRUCTURE = ["<reserved08706>", "IMGIMGABZ", "<racm3:break>", "<eoss>"]


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_structure_is_not_spelled_even_where_it_is_no_added_token(load, ignore_merges: bool) -> None:
    """In the vocabulary like any word, and with merges that lead there."""
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


def test_ids_of_the_layout_are_not_spelled(checkpoint: Path, tmp_path: Path, runner) -> None:
    """Where generation.json names them, whatever the tokenizer calls them and though it has them as plain words."""
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
    runner.load("layout", tmp_path / "out" / "tokenizer.onnx")
    for id in structure:
        assert encode(runner, "layout", names[id]) == [vocabulary[character] for character in names[id]]
    assert encode(runner, "layout", "cat") == [vocabulary["cat"]]


def test_ids_are_those_of_tokens_and_added_tokens(tmp_path: Path) -> None:
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


def test_special_tokens_take_spaces_with_them_where_they_say_so(tmp_path: Path) -> None:
    tokenizer = tokenizer_json(byte_level(True))
    tokenizer["added_tokens"] += [added_token("<l>", 900, lstrip=True), added_token("<r>", 901, rstrip=True), added_token("word", 902, single_word=True)]
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
    "unknown bytes fused": ({"model": {"vocab": {"<unk>": 0, "a": 1}, "merges": [], "unk_token": "<unk>", "fuse_unk": True}}, ["byte 0", "fuse"]),
    "NFKC": ({"normalizer": {"type": "NFKC"}}, ["NFKC", "NFC"]),
    "NFKC in a sequence": ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKC"}]}}, ["NFKC"]),
    "no split": ({"pre_tokenizer": None}, ["null", "ByteLevel"]),
    "no bytes": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}]}}, ["Whitespace", "ByteLevel"]),
    "a space in front": ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, ["add_prefix_space"]),
    "bytes twice": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [byte_level(True), byte_level(True)]}}, ["ByteLevel"]),
    "another type": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Metaspace"}, byte_level()]}}, ["Metaspace"]),
    "removed": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**SPLIT, "pattern": {"Regex": " "}, "behavior": "Removed"}, byte_level()]}}, ["Isolated"]),
    "inverted": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{**SPLIT, "pattern": {"Regex": " "}, "invert": True}, byte_level()]}}, ["Isolated"]),
    "no pattern": ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, byte_level()]}}, ["no pattern"]),
    **{f"pattern {pattern}": ({"pre_tokenizer": sequence(pattern)}, [named]) for pattern, named in {
        r"\w+": r"\\w", r"a(?!b)": "(?!b)", r"(?<!a)b": "(?<!", r"\p{Han}": "Han", r"x*": "nothing", r"[a&&b]": "&&", r"[[:alpha:]]": "[:alpha", r"a++": "++",
        r"^a": "^a", r"a$": "$", r"\s+$": "new-lines", r"x.y": ".y", r"\p{L}+|\s+(?!\S)|\s+": "alternatives", r"[a": "end", r"(a": "unterminated", r"[^\S]": r"\\S",
        r"\bx": r"\\b", r"(?m:x)": "(?m",
    }.items()},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_reproduced_is_refused(name: str, tmp_path: Path) -> None:
    change, named = REFUSED[name]
    path = tmp_path / "tokenizer.json"
    if isinstance(change, str):
        path.write_text(change)
    elif change is not None:
        tokenizer = tokenizer_json(byte_level(True))
        merged = {key: {**tokenizer[key], **value} if key == "model" and isinstance(value, dict) else value for key, value in change.items()}
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
    """GPT-2's pattern by hand."""
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
