"""tokenizer.json to a graph of one ONNX Runtime Extensions op: text to ids, nothing added."""

from __future__ import annotations

import json
from pathlib import Path

from . import contract
from .errors import ExportError
from .graph import INT64, STRING, Graph

EXTENSIONS = "ai.onnx.contrib"
# The class whose rules are plain byte-level BPE with GPT-2's split; model.json says which special ids surround a prompt.
CONFIG = {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": False, "add_eos_token": False}


def read_tokenizer(path: Path) -> dict:
    """tokenizer.json, checked to be something the op reproduces. Raises ExportError if it is not."""
    try:
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        kind = tokenizer["model"]["type"]
        split = (tokenizer.get("pre_tokenizer") or {}).get("type")
        normalizer = tokenizer.get("normalizer")
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: put the model's tokenizer.json beside its weights.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExportError(f"{path} is not a tokenizer.json of the Hugging Face tokenizers library.") from None
    if kind != "BPE" or split not in ("ByteLevel", "Sequence", "Split"):
        raise ExportError(f"{path} holds a {kind} model behind a {split} split; only byte-level BPE can be exported.")
    if not isinstance(tokenizer["model"].get("vocab"), dict):
        raise ExportError(f"{path} has no vocabulary of tokens with their ids.")
    if normalizer is not None and normalizer != {"type": "Lowercase"}:
        raise ExportError(f"{path} normalises text by {json.dumps(normalizer)}; only Lowercase or none can be exported.")
    return tokenizer


def build_tokenizer(graph: Graph, tokenizer: dict) -> None:
    """string [1] to int64 [1, n].

    Special tokens and the post-processor are left out, so that no prompt can spell a structural token, and none is added.
    The op ignores normalizers, so lower-casing is a node of its own, which knows ASCII and Latin-1.
    """
    text = graph.input(contract.TEXT, STRING, [1])
    if tokenizer.get("normalizer"):
        text = graph.node("StringLower", "lowered", [text], EXTENSIONS)
    model = {**tokenizer["model"], "vocab": _without_gaps(tokenizer["model"]["vocab"])}
    plain = {**tokenizer, "model": model, "added_tokens": [], "post_processor": None, "normalizer": None}
    vocabulary = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    graph.node("HfJsonTokenizer", contract.IDS, [text], EXTENSIONS, tokenizer_config=json.dumps(CONFIG), tokenizer_vocab=vocabulary)
    graph.output(contract.IDS, INT64, [1, "n"])


def _without_gaps(vocabulary: dict[str, int]) -> dict[str, int]:
    """The vocabulary with a token for every id up to the largest.

    The op keeps its tokens in an array as long as the vocabulary and, where ids leave gaps, writes past its end. The tokens that
    fill them hold a space, which byte-level pieces never do, so no text can spell them.
    """
    ids = set(vocabulary.values())
    return vocabulary | {f"no token {id}": id for id in range(max(ids, default=-1) + 1) if id not in ids}
