"""Byte-level BPE in the tokenizer.json of the Hugging Face tokenizers library."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from ..errors import ExportError
from .bytes_bpe import BytesBpe
from .specials import pattern
from .splits import GPT2, Split, UnknownPattern, from_regex, literal

# The values that a BPE model may have. Others would change ids in ways that cannot be exported.
PLAIN_MODEL = {
    "dropout": (None, 0, 0.0), "continuing_subword_prefix": (None, ""), "end_of_word_suffix": (None, ""), "byte_fallback": (None, False)}
# Chameleon's image codes, row ends and so on, which may be missing among the added tokens of its tokenizer.json.
STRUCTURE = re.compile(r"IMGIMG[A-J]+Z|<reserved\d+>|<racm3:break>|<eoss>")
PUNCTUATION = r"[\p{P}!-/:-@\[-`{-~]"


def read_hf_bpe(path: Path, structure: re.Pattern[str] = STRUCTURE, structure_ids: Container[int] = ()) -> BytesBpe:
    """Reads a tokenizer. Raises ExportError if the file is not a tokenizer.json, or has a part that cannot be reproduced exactly.

    Text never becomes an added token, a token whose name matches `structure`, or one of `structure_ids`. So no prompt can contain a
    structural token; the parts that would have been merged to it remain. Added tokens of one character that are not marked as special are
    an exception, because their text has no other ids (DeepSeek's tokenizers have thirteen of them).
    """
    try:
        file = json.loads(path.read_text(encoding="utf-8"))
        model = file["model"]
        kind, vocabulary, merges = model["type"], model.get("vocab"), model.get("merges", [])
        added = file.get("added_tokens") or []
        contents = {token["content"]: token["id"] for token in added}
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's tokenizer.json next to its weights.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ExportError(f"{path} is not a tokenizer.json of the Hugging Face tokenizers library.") from None
    if kind != "BPE":
        raise ExportError(f"{path} has a {kind} model; expected byte-level BPE.")
    if not isinstance(vocabulary, dict) or not vocabulary or not all(type(id) is int and id >= 0 for id in vocabulary.values()):
        raise ExportError(f"{path} has no vocabulary; expected tokens with their ids.")
    for option, allowed in PLAIN_MODEL.items():
        if model.get(option) not in allowed:
            raise ExportError(f"{path} has a BPE model with {option} {json.dumps(model[option])}; expected byte-level BPE without it.")
    splits = _splits(path, file.get("pre_tokenizer"))
    normalizers = list(_normalizers(path, file.get("normalizer")))

    characters = {token["content"]: token["id"] for token in added if _is_plain(token, bool(normalizers))}
    specials = {token: id for token, id in contents.items() if token not in characters}
    unspelled = {*specials.values(), *(id for token, id in vocabulary.items() if structure.fullmatch(token) or id in structure_ids)}
    spelled = {token: id for token, id in vocabulary.items() if token in BYTES or (id not in unspelled and set(token) <= BYTES.keys())}
    missing = sorted(byte for c, byte in BYTES.items() if c not in vocabulary)
    unknown = vocabulary.get(model.get("unk_token")) if missing else None
    if unknown is not None and model.get("fuse_unk"):
        raise ExportError(
            f"{path} has no token for byte {missing[0]} and fuses unknown tokens; expected tokens for all bytes, or no fuse_unk.")
    flags = ("lstrip", "rstrip", "single_word")
    patterns = {token["content"]: pattern(token["content"], *(bool(token.get(flag)) for flag in flags)) for token in added}
    return BytesBpe(
        spelled, _merges(path, vocabulary, merges, spelled), specials, {**vocabulary, **contents}, splits, normalizers,
        bool(model.get("ignore_merges")), unknown, characters, patterns)


def byte_alphabet() -> list[str]:
    """GPT-2's printable characters for the 256 bytes, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(extra)) for byte in range(256)]


BYTES = {c: byte for byte, c in enumerate(byte_alphabet())}


def _is_plain(token: dict, normalized: bool) -> bool:
    """Whether an added token is a single character that text may become."""
    flags = any(token.get(flag) for flag in ("special", "single_word", "lstrip", "rstrip"))
    return len(token["content"]) == 1 and not flags and (token.get("normalized", False) or not normalized)


def _merges(path: Path, vocabulary: dict[str, int], merges: list, spelled: dict[str, int]) -> list[tuple[str, str]]:
    """The merges in order. A pair that occurs twice has its last place. Merges of and to tokens that text never becomes are omitted."""
    ordered: dict[tuple[str, str], None] = {}
    for merge in merges:
        parts = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            raise ExportError(f"{path} has the merge {json.dumps(merge)}; expected two tokens.")
        left, right = parts
        for token in (left, right, left + right):
            if token not in vocabulary:
                raise ExportError(
                    f"{path} merges {json.dumps(left)} and {json.dumps(right)}, but {json.dumps(token)} is not in its vocabulary: download "
                    "it again."
                )
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
        raise ExportError(f"{path} normalizes text with {json.dumps(normalizer)}; expected {', '.join(known)} or nothing.")


def _splits(path: Path, pre_tokenizer: dict | None) -> list[Split]:
    splits: list[Split] = []
    parts = list(_flat(pre_tokenizer))
    if not parts or parts[-1].get("type") != "ByteLevel":
        raise ExportError(f"{path} splits text with {json.dumps(pre_tokenizer)}; expected a pre-tokenizer that ends with ByteLevel.")
    for part in parts:
        try:
            splits += _split(part, splits, last=part is parts[-1])
        except UnknownPattern as problem:
            raise ExportError(
                f"{path} splits text with {json.dumps(part, ensure_ascii=False)}, which cannot be exported because it has "
                f"{problem}."
            ) from None
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
