"""tokenizer.json of the Hugging Face tokenizers library: byte-level BPE."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from ..errors import ExportError
from .bytes_bpe import BytesBpe
from .specials import pattern
from .splits import GPT2, Split, UnknownPattern, from_regex, literal

# What a BPE model may say; anything else would change ids in a way that is not exported.
PLAIN_MODEL = {"dropout": (None, 0, 0.0), "continuing_subword_prefix": (None, ""), "end_of_word_suffix": (None, ""), "byte_fallback": (None, False)}
# Chameleon's image codes, rows' ends and so on, which its tokenizer.json need not have among the added tokens.
STRUCTURE = re.compile(r"IMGIMG[A-J]+Z|<reserved\d+>|<racm3:break>|<eoss>")
PUNCTUATION = r"[\p{P}!-/:-@\[-`{-~]"


def read_hf_bpe(path: Path, structure: re.Pattern[str] = STRUCTURE, structure_ids: Container[int] = ()) -> BytesBpe:
    """Raises ExportError if the file is none, or has a part that would not be reproduced exactly.

    Added tokens are not found in text, nor are those whose names match `structure` or whose ids are among `structure_ids`, so no
    prompt can spell a structural token: text that would become one is left as what would have been merged to it. Excepted are those of one character that
    are not marked as special: the text that they stand for has no other ids (DeepSeek's tokenizers have thirteen).
    """
    try:
        file = json.loads(path.read_text(encoding="utf-8"))
        model = file["model"]
        kind, vocabulary, merges = model["type"], model.get("vocab"), model.get("merges", [])
        added = file.get("added_tokens") or []
        contents = {token["content"]: token["id"] for token in added}
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's tokenizer.json beside its weights.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ExportError(f"{path} is not a tokenizer.json of the Hugging Face tokenizers library.") from None
    if kind != "BPE":
        raise ExportError(f"{path} holds a {kind} model; only byte-level BPE can be exported.")
    if not isinstance(vocabulary, dict) or not vocabulary or not all(type(id) is int and id >= 0 for id in vocabulary.values()):
        raise ExportError(f"{path} has no vocabulary of tokens with their ids.")
    for option, allowed in PLAIN_MODEL.items():
        if model.get(option) not in allowed:
            raise ExportError(f"{path} has a BPE model with {option} {json.dumps(model[option])}; only byte-level BPE without it can be exported.")
    splits = _splits(path, file.get("pre_tokenizer"))
    normalizers = list(_normalizers(path, file.get("normalizer")))

    characters = {token["content"]: token["id"] for token in added if _is_plain(token, bool(normalizers))}
    specials = {token: id for token, id in contents.items() if token not in characters}
    unspelled = {*specials.values(), *(id for token, id in vocabulary.items() if structure.fullmatch(token) or id in structure_ids)}
    spelled = {token: id for token, id in vocabulary.items() if token in BYTES or (id not in unspelled and set(token) <= BYTES.keys())}
    missing = sorted(byte for c, byte in BYTES.items() if c not in vocabulary)
    unknown = vocabulary.get(model.get("unk_token")) if missing else None
    if unknown is not None and model.get("fuse_unk"):
        raise ExportError(f"{path} has no token for byte {missing[0]} and fuses unknown ones; only vocabularies of all bytes, or without fuse_unk, can be exported.")
    patterns = {token["content"]: pattern(token["content"], *(bool(token.get(flag)) for flag in ("lstrip", "rstrip", "single_word"))) for token in added}
    return BytesBpe(
        spelled, _merges(path, vocabulary, merges, spelled), specials, {**vocabulary, **contents}, splits, normalizers,
        bool(model.get("ignore_merges")), unknown, characters, patterns)


def byte_alphabet() -> list[str]:
    """GPT-2's: the 256 bytes as printable characters, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(extra)) for byte in range(256)]


BYTES = {c: byte for byte, c in enumerate(byte_alphabet())}


def _is_plain(token: dict, normalised: bool) -> bool:
    flags = any(token.get(flag) for flag in ("special", "single_word", "lstrip", "rstrip"))
    return len(token["content"]) == 1 and not flags and (token.get("normalized", False) or not normalised)


def _merges(path: Path, vocabulary: dict[str, int], merges: list, spelled: dict[str, int]) -> list[tuple[str, str]]:
    """In order, each pair once: where a file has one twice, its last place counts. Merges of and to tokens that no text spells are left out."""
    ordered: dict[tuple[str, str], None] = {}
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            raise ExportError(f"{path} has the merge {json.dumps(merge)}; expected two tokens.")
        left, right = parts
        for token in (left, right, left + right):
            if token not in vocabulary:
                raise ExportError(f"{path} merges {json.dumps(left)} and {json.dumps(right)}, but {json.dumps(token)} is not in its vocabulary.")
        if {left, right, left + right} <= spelled.keys():
            ordered.pop((left, right), None)
            ordered[left, right] = None
    return list(ordered)


def _normalizers(path: Path, normalizer: dict | None) -> Iterator[str]:
    known = {"NFC": "nfc", "Lowercase": "lowercase"}
    if normalizer is None:
        return
    kind = normalizer.get("type")
    if kind == "Sequence":
        for part in normalizer.get("normalizers", []):
            yield from _normalizers(path, part)
    elif kind in known:
        yield known[kind]
    else:
        raise ExportError(f"{path} normalizes text by {json.dumps(normalizer)}; only {', '.join(known)} or none can be exported.")


def _splits(path: Path, pre_tokenizer: dict | None) -> list[Split]:
    splits: list[Split] = []
    parts = list(_flat(pre_tokenizer))
    if not parts or parts[-1].get("type") != "ByteLevel":
        raise ExportError(f"{path} splits text by {json.dumps(pre_tokenizer)}; only splits that end with ByteLevel can be exported.")
    for part in parts:
        try:
            splits += _split(part, splits, last=part is parts[-1])
        except UnknownPattern as problem:
            raise ExportError(f"{path} splits text by {json.dumps(part, ensure_ascii=False)}, which cannot be exported: it has {problem}.") from None
    return splits


def _flat(pre_tokenizer: dict | None) -> Iterator[dict]:
    if not pre_tokenizer:
        return
    if pre_tokenizer.get("type") == "Sequence":
        for part in pre_tokenizer.get("pretokenizers", []):
            yield from _flat(part)
    else:
        yield pre_tokenizer


def _split(part: dict, before: Sequence[Split], last: bool) -> list[Split]:
    kind = part.get("type")
    if kind == "ByteLevel" and last:
        if part.get("add_prefix_space", True):
            raise UnknownPattern("add_prefix_space")
        return [from_regex(GPT2)] if part.get("use_regex", True) else []
    if kind == "Digits":
        return [from_regex(r"\p{N}" if part.get("individual_digits") else r"\p{N}+")]
    if kind not in ("Split", "Punctuation"):
        raise UnknownPattern(f"the type {kind}")
    if part.get("behavior", "Isolated") != "Isolated" or part.get("invert"):
        raise UnknownPattern("a behavior other than Isolated")
    if kind == "Punctuation":
        return [from_regex(PUNCTUATION)]
    wanted = part.get("pattern") or {}
    if wanted.get("String"):
        return [from_regex(literal(wanted["String"]))]
    if not wanted.get("Regex"):
        raise UnknownPattern("no pattern")
    return [from_regex(wanted["Regex"], before)]
