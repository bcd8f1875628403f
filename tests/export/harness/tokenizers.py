"""Small tokenizers of every kind of tokenizer.json, and the ids that the Hugging Face library gives for texts (references/)."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from sjdexport.families.given import Tokenizer

from . import tiny
from .runner import Runner
from .texts import texts, trained_merges

IDS = Path(__file__).resolve().parents[1] / "references" / "tokenizer_ids.npz"
# As llama.cpp lists it for Chameleon. In tokenizer.json, Digits and Punctuation may stand for the last two.
CHAMELEON = [r"(<sentinel:[0-9]+>)", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}", r"[\p{P}!-/:-@\[-`{-~]"]
# DeepSeek LLM's, which Janus-Pro uses.
LETTERS = "".join("-".join(chr(int(end, 16)) for end in part.split("-")) for part in (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 3A3-3F5 3F7-481 48A-52F "
    "531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D 1F20-1F45 "
    "1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC 1FD0-1FD3 "
    "1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 "
    "2107 210A-2113 "
    "2115 2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 "
    "2CF3 A640-A66D "
    "A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB "
    "10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943 "
).split())
DEEPSEEK = [r"[\r\n]", rf"\s?[{LETTERS}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"]
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIALS = ["<s>", "</s>", "<|im_start|>", "<|User|>", "<reserved08706>", "<begin_of_image>", "IMGIMGABZ"]
ALPHABET = tiny.byte_alphabet()
# Merges across places where text is only cut if classes treat characters past U+FFFF, or characters that fold to "s", in the right way.
ACROSS_CUTS = [("é".encode(), "🦊".encode()[:1]), ("ſ".encode()[:1], "ſ".encode()[1:]), ("ſ".encode(), b"t")]


def byte_level(regex: bool = False) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}


def sequence(*patterns: str, regex: bool = False) -> dict:
    splits = [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False} for pattern in patterns]
    return {"type": "Sequence", "pretokenizers": [*splits, byte_level(regex)]}


def spell(token: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in token)


def tokenizer_json(pre_tokenizer: dict, normalizer: dict | None = None, **model: object) -> dict:
    """A tokenizer whose special tokens come first, then the bytes in a random order, then the merges."""
    merges = [(a, b) for a, b in trained_merges(500) if not any(token.encode() in a + b for token in SPECIALS)] + ACROSS_CUTS
    tokens = [*SPECIALS, *np.random.default_rng(3).permutation(ALPHABET).tolist(), *(spell(a + b) for a, b in merges)]
    vocabulary = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    added = [added_token(token, vocabulary[token]) for token in SPECIALS]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": byte_level(True),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
                  "merges": [f"{spell(a)} {spell(b)}" for a, b in merges], **model},
    }


def added_token(content: str, id: int, **flags: bool) -> dict:
    return {
        "id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def with_characters() -> dict:
    """Like DeepSeek's tokenizers, which have no bytes that never occur in UTF-8, but added tokens with those bytes' characters as names."""
    tokenizer = tokenizer_json(sequence(*DEEPSEEK), {"type": "Sequence", "normalizers": []})
    vocabulary = tokenizer["model"]["vocab"]
    for i, character in enumerate("öüÀ÷"):
        vocabulary[f"\ue000{character}"] = vocabulary.pop(character)
        tokenizer["added_tokens"].append(added_token(character, len(vocabulary) + i, special=False, normalized=True))
    return tokenizer


def with_wholes() -> dict:
    """The vocabulary has " fox" and " zyxw", which no merges give."""
    tokenizer = tokenizer_json(byte_level(True), ignore_merges=True)
    tokenizer["model"]["merges"] = [merge for merge in tokenizer["model"]["merges"] if merge.replace(" ", "") != "Ġfox"]
    for token in ("Ġfox", "Ġzyxw"):
        tokenizer["model"]["vocab"].setdefault(token, len(tokenizer["model"]["vocab"]))
    return tokenizer


CASES = {
    "gpt-2": lambda: tokenizer_json(byte_level(True)),
    "digits and punctuation": lambda: tokenizer_json({"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Isolated"}, byte_level()]}),
    "chameleon": lambda: tokenizer_json(sequence(*CHAMELEON, regex=True)),
    "deepseek": lambda: tokenizer_json(sequence(*DEEPSEEK)),
    "qwen 2": lambda: tokenizer_json(sequence(QWEN2), {"type": "NFC"}),
    "llama 3": lambda: tokenizer_json(sequence(QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|"))),
    "none": lambda: tokenizer_json(byte_level(False)),
    "last space apart": lambda: tokenizer_json(sequence(r"\p{L}+|\s+(?!\S)|\s+")),
    "characters": with_characters,
    "whole pieces": with_wholes,
}
OWN = {
    "characters": ["schön", "öö", " ö ", "Überfall über Àx÷ü", "o\u0308"],
    "whole pieces": [" fox", "a fox", " foxes", "a zyxw, zyxw"],
    # Beyond the basic plane: letters that DeepSeek's class names and letters that it does not, digits, marks, symbols.
    "deepseek": [
        "é\U00010400", "é\U0001d400", "\U00010400\U00010428x \U0001d400\U0001d41a", "𐒰𐓘 𞤀𞤢", "𠀀中𠀀", "𝟘𝟙2",
        "🦊🚀 🦊", "x\U0001d165\U0001d15e"],
    "qwen 2": [
        "'ſtz", "'Stz 'ſ", "é\U00010400", "é🦊", "\U00010400\U00010428x \U0001d400\U0001d41a", "𠀀中𠀀", "𝟘𝟙2",
        "🦊🚀 🦊", "x\U0001d165y",
        "\U000e0001a", "\U0010fffd."],
}
COUNT = 5000


def case_texts(name: str) -> list[str]:
    return [*OWN.get(name, []), *texts(COUNT)]


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def references() -> dict[str, list[list[int]]]:
    """The library's ids for the texts of each case. Fails if they were made for other tokenizers or texts."""
    with np.load(IDS) as file:
        found = {}
        for name, tokenizer in CASES.items():
            expected = digest([tokenizer(), case_texts(name)])
            assert bytes(file[f"{name}.digest"]).decode(
                ) == expected, f"references/{IDS.name} has the ids of another tokenizer or other texts for {name}"
            found[name] = list(_rows(file[f"{name}.ids"], file[f"{name}.lengths"]))
        return found


def _rows(ids: np.ndarray, lengths: np.ndarray) -> Iterator[list[int]]:
    start = 0
    for length in lengths.tolist():
        yield ids[start : start + length].tolist()
        start += length


def packed(ids: dict[str, list[list[int]]]) -> bytes:
    """The file that `references` reads."""
    arrays: dict[str, np.ndarray] = {}
    for name, rows in ids.items():
        arrays[f"{name}.digest"] = np.frombuffer(digest([CASES[name](), case_texts(name)]).encode(), np.uint8)
        arrays[f"{name}.ids"] = np.array([id for row in rows for id in row], np.uint16)
        arrays[f"{name}.lengths"] = np.array([len(row) for row in rows], np.uint16)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def open_tokenizer(runner: Runner, folder: Path, tokenizer: Tokenizer) -> Callable[[str], list[int]]:
    """Writes the tokenizer's files and opens them in the engine; returns its encoder of a text."""
    runner.tokenizer("tokenizer", folder, tokenizer.write(folder))
    return lambda text: runner.tokenize("tokenizer", [text])[0]


def assert_same_ids(runner: Runner, given: Sequence[str], expected: Sequence[Sequence[int]]) -> None:
    """Asserts that the opened tokenizer gives the expected ids for the texts."""
    different = [
        f"{text!a}: {found}, expected {wanted}"
        for text, found, wanted in zip(given, runner.tokenize("tokenizer", given), expected, strict=True) if found != wanted
    ]
    assert not different, f"{len(different)} of {len(given)} texts have other ids, the first of them {different[0]}"


def kind(character: str) -> str:
    """The kind of a character in the patterns of GPT-2 and Qwen 2: "space", "letter", "number" or "other"."""
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f":  # Python counts these four as white space, Unicode does not
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(character)[0], "other")
